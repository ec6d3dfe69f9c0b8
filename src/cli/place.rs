//! Which node of which config a process starts as. What its disk says counts first: a node that restarts with old variables goes on in
//! the cluster as that was when it was last there. Next what it was given: `VIEW` and `SHARD_COUNT` make a first config, the same on
//! every node. Without `SHARD_COUNT` a node joins the cluster of the others, which tell it the config (see `join`).

use std::{collections::BTreeSet, sync::Arc};

use super::{CliError, plan::Plan};
use crate::{
    id::NodeId,
    placement::{Config, Member},
    runtime::{
        Disk, StartPlan,
        control::{CONTROL_NAME, ControlPlan, newer_version},
        journal::{JournalError, JournalOptions, peek},
        tokio::PeerOptions,
    },
    store::Identity,
};

/// Who a process is.
#[derive(Debug)]
pub struct Place {
    /// The newest config that it knows.
    pub config: Arc<Config>,
    /// Its row there.
    pub me: Member,
    /// Whether it may found the config log.
    pub founding: Founding,
}

/// Whether a node may found the config log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Founding {
    /// It may: nothing shows that there is one.
    Allowed,
    /// It joins the one that there is.
    Never,
}

impl Place {
    /// What the disk or the variables say; `None` for a node that must ask others.
    ///
    /// # Errors
    /// The disk cannot be read, or holds another cluster's data, or data of a later version.
    pub async fn known<D: Disk>(plan: &Plan, disk: &D) -> Result<Option<Self>, CliError> {
        let marks = peek(disk).await?;
        let later = newer_version(disk).await.map_err(|source| JournalError::Disk { name: CONTROL_NAME.to_owned(), source })?;
        if let Some(version) = later {
            return Err(JournalError::NewerConfigLog(version).into());
        }
        let kept = marks.as_ref().and_then(|content| content.marks.as_ref()?.config.clone());
        let given = plan.first.as_ref().map(|first| first.cluster());
        if let (Some(found), Some(expected)) = (kept.as_ref().map(|kept| kept.cluster()), given)
            && found != expected
        {
            return Err(JournalError::OtherCluster { found, expected }.into());
        }
        let kept = kept.and_then(|config| {
            // Nobody else could have founded it.
            let alone = config.members().iter().filter(|member| !member.removed).count() == 1;
            Self::in_config(plan, config, if alone { Founding::Allowed } else { Founding::Never })
        });
        Ok(kept.or_else(|| Self::in_config(plan, plan.first.clone()?, Founding::Allowed)))
    }

    /// As the member of a config that has this address.
    pub(super) fn in_config(plan: &Plan, config: Arc<Config>, founding: Founding) -> Option<Self> {
        let me = config.by_address(&plan.address)?.clone();
        Some(Self { config, me, founding })
    }

    pub(super) fn peers(&self, plan: &Plan) -> PeerOptions {
        PeerOptions {
            config: self.config.clone(),
            me: self.me.clone(),
            addresses: plan.peer_addresses.clone(),
            links: plan.links,
            tls: plan.security.as_ref().map(|security| security.peers.clone()),
        }
    }

    pub(super) fn config_log(&self, plan: &Plan) -> ControlPlan<Config> {
        let in_view = self.config.members().iter().filter(|member| !member.removed || member.node == self.me.node);
        let listed: BTreeSet<NodeId> = in_view.map(|member| member.node).collect();
        let first = (self.founding == Founding::Allowed).then(|| Config::clone(&self.config));
        ControlPlan { me: self.me.node, listed, first, settings: plan.config_log.clone() }
    }

    pub(super) fn start(&self, plan: &Plan) -> StartPlan {
        let identity = Identity { cluster: self.config.cluster(), node: self.me.address.clone() };
        StartPlan {
            config: self.config.clone(),
            changes: None,
            me: self.me.node,
            settings: plan.node.clone(),
            journal: JournalOptions { identity, ..plan.journal.clone() },
            observed: false,
        }
    }
}
