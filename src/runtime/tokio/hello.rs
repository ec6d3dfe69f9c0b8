//! The first frame each way on a connection between peers: who calls, whom it means to reach, and whether it is let in.
//!
//! A connection carries one direction only. The caller sends a [`Hello`], the called node answers with a [`Verdict`], and from then
//! on the caller sends frames. A cluster's id is derived from its first config, so one whose variables differ on some node refuses
//! to mix. Within TLS the caller's certificate must name the address that it says. A caller of an older generation is let in: what it
//! says is not heard, and it may ask for what it missed. The epoch is in each message and not in the hello, since a link may outlive a
//! generation.
//!
//! A node that knows no config yet says [`Greeting::WhoBelongs`] and gets an [`Introduction`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    id::{Incarnation, NodeId},
    placement::Config,
};

/// The longest hello or verdict: what a stranger may have us hold.
pub const HELLO_BYTES_CAP: usize = 4 << 10;

/// The first frame on a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Greeting {
    /// From a peer, which goes on with frames.
    Link(Hello),
    /// From a node that is new, or has lost its disk: which cluster is this, and who belongs to it?
    WhoBelongs {
        /// The caller's address.
        address: String,
    },
}

/// What a node is told that asks who belongs to the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Introduction {
    /// It does: this is the config.
    Belongs(Arc<Config>),
    /// It does not; somebody must add it to the view first.
    Stranger,
}

impl Introduction {
    /// For a node at this address.
    pub fn to(address: &str, config: Arc<Config>) -> Self {
        let belongs = config.by_address(address).is_some_and(|member| !member.removed);
        if belongs { Self::Belongs(config) } else { Self::Stranger }
    }
}

/// What a peer says first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The caller's cluster.
    pub cluster: u64,
    /// The caller.
    pub from: NodeId,
    /// The caller's address, its identity in views.
    pub address: String,
    /// Whom it means to reach.
    pub to: NodeId,
    /// The caller's process.
    pub incarnation: Incarnation,
}

/// What it is answered.
pub type Verdict = Result<Incarnation, Refused>;

/// Why a caller is not let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Error)]
pub enum Refused {
    /// The first frame is not a hello.
    #[error("the first frame is not a hello")]
    NoHello,
    /// The caller belongs to another cluster, or was given another `VIEW` or `SHARD_COUNT`.
    #[error("cluster {theirs:016x} is not ours, {ours:016x}: VIEW and SHARD_COUNT must be the same on every node")]
    OtherCluster {
        /// The caller's.
        theirs: u64,
        /// Ours.
        ours: u64,
    },
    /// No such node, or its address is another.
    #[error("no node {0} with address {1}")]
    UnknownNode(NodeId, String),
    /// The caller meant to reach another node: an address leads to the wrong place.
    #[error("this is {is}, not {meant}")]
    NotMe {
        /// Whom it meant.
        meant: NodeId,
        /// Who answers.
        is: NodeId,
    },
    /// The caller's certificate is that of another node.
    #[error("{0}")]
    NotProven(String),
}

/// Whether a caller is let in by the node `me`.
///
/// # Errors
/// Why not.
pub fn judge(hello: &Hello, config: &Config, me: NodeId) -> Result<(), Refused> {
    if hello.cluster != config.cluster() {
        return Err(Refused::OtherCluster { theirs: hello.cluster, ours: config.cluster() });
    }
    let known = config.member(hello.from).is_some_and(|member| member.address == hello.address);
    if !known || hello.from == me {
        return Err(Refused::UnknownNode(hello.from, hello.address.clone()));
    }
    if hello.to != me {
        return Err(Refused::NotMe { meant: hello.to, is: me });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::{Change, Departure, Founding};

    #[test]
    fn each_lie_has_its_refusal() {
        let view = vec!["a:1".to_owned(), "b:1".to_owned()];
        let config = Config::found(&Founding { view, shard_count: 1 }).expect("two nodes, one shard");
        let me = NodeId(1);
        let truth =
            Hello { cluster: config.cluster(), from: NodeId(0), address: "a:1".to_owned(), to: me, incarnation: Incarnation(7) };
        assert_eq!(judge(&truth, &config, me), Ok(()));

        let ours = config.cluster();
        let other_cluster = Hello { cluster: 5, ..truth.clone() };
        assert_eq!(judge(&other_cluster, &config, me), Err(Refused::OtherCluster { theirs: 5, ours }));
        let nobody = Hello { from: NodeId(9), ..truth.clone() };
        assert_eq!(judge(&nobody, &config, me), Err(Refused::UnknownNode(NodeId(9), "a:1".to_owned())));
        let moved = Hello { address: "c:1".to_owned(), ..truth.clone() };
        assert_eq!(judge(&moved, &config, me), Err(Refused::UnknownNode(NodeId(0), "c:1".to_owned())));
        let mirror = Hello { from: me, address: "b:1".to_owned(), ..truth.clone() };
        assert_eq!(judge(&mirror, &config, me), Err(Refused::UnknownNode(me, "b:1".to_owned())));
        let lost = Hello { to: NodeId(0), ..truth };
        assert_eq!(judge(&lost, &config, me), Err(Refused::NotMe { meant: NodeId(0), is: me }));
    }

    #[test]
    fn who_belongs_is_told_the_config_and_nobody_else_is() {
        let view = vec!["a:1".to_owned(), "b:1".to_owned()];
        let config = Config::found(&Founding { view, shard_count: 1 }).expect("two nodes, one shard");
        let out = config.changed(&Change::Remove { node: NodeId(0), how: Departure::Cut }).expect("another replica is left");
        let (config, out) = (Arc::new(config), Arc::new(out));
        assert_eq!(Introduction::to("a:1", config.clone()), Introduction::Belongs(config.clone()));
        assert_eq!(Introduction::to("c:1", config), Introduction::Stranger);
        assert_eq!(Introduction::to("a:1", out), Introduction::Stranger);
    }
}
