//! The control log as a node's config log: what ties it to the node's driver.
//!
//! The node proposes changes and takes configs; the log's frames travel on the same links as the node's, under a tag of their own.
//! Who should be in the log's group, and who of them is up, follows from the config and the node's view.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::mpsc;
use xxhash_rust::xxh3::xxh3_128;

use super::{
    Changes, Env, Handle, Proposal,
    control::{self, Control, ControlLinks, ControlLog, ControlPlan, Decided, Liveness, OperationId, ProposeError, Watch},
};
use crate::{
    id::{Epoch, NodeId},
    message::Frame,
    node::NotChanged,
    placement::{Change, Config, Refused},
};

/// Between two looks at who is up.
const LOOK_US: u64 = 500_000;

/// A node's control log of configs.
pub type ConfigLog = Control<Config>;

impl Decided for Config {
    type Change = Change;
    type Refusal = Refused;

    fn epoch(&self) -> Epoch {
        Self::epoch(self)
    }

    fn changed(&self, change: &Change) -> Result<Self, Refused> {
        Self::changed(self, change)
    }

    fn regenerated(&self, generation: u32) -> Self {
        Self::regenerated(self, generation)
    }
}

/// Starts a node's part in the config log. What comes of it is for the node's driver.
pub fn start_config_log<E: Env>(env: &E, plan: ControlPlan<Config>) -> (Changes, ConfigLog) {
    let me = plan.me;
    let (frames, incoming) = mpsc::unbounded_channel();
    let links = env.clone();
    let send = Arc::new(move |to, frame| {
        if let Ok(bytes) = postcard::to_allocvec(&Frame::ConfigLog(frame)) {
            // One that does not leave is one that is lost.
            let _ = links.send(to, bytes.into());
        }
    });
    let log = control::start(env, plan, ControlLinks { send, incoming });
    let (proposals, proposed) = mpsc::unbounded_channel();
    let (news, configs) = mpsc::unbounded_channel();
    env.spawn(pass_on(env.clone(), me, log.clone(), proposed));
    env.spawn(tell_configs(log.watch(None), news));
    (Changes { proposals, configs, frames: Some(frames) }, log)
}

/// Tells the config log who should be in it, and who of them the node believes up, for as long as the node runs.
pub fn tell_members<E: Env>(env: &E, log: &ConfigLog, handle: &Handle) {
    let (world, log, handle) = (env.clone(), log.clone(), handle.clone());
    env.spawn(async move {
        while let Some(status) = handle.status().await {
            // The log may be ahead of the node: whoever it has just introduced belongs to it at once.
            let config = log.current().unwrap_or_else(|| handle.config());
            let is_up = |node: NodeId| status.peers.iter().any(|peer| peer.node == node && peer.up);
            let liveness = |node| if is_up(node) { Liveness::Up } else { Liveness::Down };
            let members = config.members().iter().filter(|member| !member.removed).map(|member| member.node);
            log.members(members.map(|node| (node, liveness(node))).collect::<BTreeMap<_, _>>());
            world.sleep_until(world.now().monotonic_us + LOOK_US).await;
        }
    });
}

/// Each proposal on its own: one without a majority holds up no other.
async fn pass_on<E: Env>(env: E, me: NodeId, log: ConfigLog, mut proposed: mpsc::UnboundedReceiver<Proposal>) {
    while let Some(Proposal { expected, change, outcome }) = proposed.recv().await {
        let proposal = control::Proposal { operation: wish(me, expected, &change), expected, change };
        let log = log.clone();
        env.spawn(async move {
            let made = log.propose(proposal).await.map_err(|error| match error {
                ProposeError::Conflict { current } => NotChanged::Conflict { current },
                ProposeError::Refused(refused) => NotChanged::Refused(refused),
                ProposeError::NoMajority | ProposeError::Unknown | ProposeError::Stopping => NotChanged::Unknown,
            });
            // A node that gave up waiting needs no outcome.
            let _ = outcome.send(made);
        });
    }
}

/// The same change of the same config by the same node is the same wish: a retry after a lost answer is told what the first try made.
fn wish(me: NodeId, expected: Epoch, change: &Change) -> OperationId {
    OperationId(xxh3_128(&postcard::to_allocvec(&(me, expected, change)).unwrap_or_default()))
}

async fn tell_configs(mut watch: Watch<Config>, news: mpsc::UnboundedSender<Arc<Config>>) {
    while news.send(watch.changed().await).is_ok() {}
}
