//! What one line of a scenario asks for.

use std::collections::BTreeSet;

use causeway::{id::NodeId, store::Key};

use super::{links::Links, value::Value};
use crate::{
    cluster::ClusterPlan,
    plan::Wish,
    world::{ClockChange, Death},
};

/// Some nodes, by number.
pub type Nodes = BTreeSet<NodeId>;

/// One line, taken apart. Every node that it names is there.
#[derive(Debug, Clone)]
pub enum Command {
    /// A cluster is founded and comes up.
    Cluster(Box<ClusterPlan>),
    /// A session asks a node.
    Call(Call),
    /// A session does something with what it has seen, or waits.
    Session {
        /// Who.
        session: String,
        /// What.
        act: SessionAct,
    },
    /// Time passes, in milliseconds.
    Wait(u64),
    /// Time passes until nothing happens any more.
    Settle,
    /// Something is done to links.
    Links {
        /// What.
        act: LinkAct,
        /// To which.
        links: Links,
    },
    /// Something is done to processes.
    Processes {
        /// What.
        act: ProcessAct,
        /// To whose.
        nodes: Nodes,
    },
    /// Something is done to disks.
    Disks {
        /// What.
        act: DiskAct,
        /// To whose.
        nodes: Nodes,
    },
    /// Something is done to clocks.
    Clocks {
        /// What.
        change: ClockChange,
        /// To whose.
        nodes: Nodes,
    },
    /// What a client that has seen nothing is shown of a key.
    Show {
        /// Which key.
        key: Key,
        /// Where; `None` is at every replica of its shard.
        nodes: Option<Nodes>,
    },
    /// An operator asks for a change of the config.
    Administer {
        /// Whom.
        node: NodeId,
        /// For what.
        wish: Wish,
        /// When the story goes on.
        patience: Patience,
    },
    /// The operator waits for the answer.
    OperatorWaits,
    /// Time passes until the newest config is so.
    Until(Condition),
    /// Whom nodes believe up.
    View(Nodes),
    /// What nodes keep, and whether they take writes.
    State(Nodes),
    /// Which shard holds keys, and which nodes hold the shard.
    Where(Vec<Key>),
}

/// A request of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Who asks.
    pub session: String,
    /// Whom.
    pub node: NodeId,
    /// For which key.
    pub key: Key,
    /// What.
    pub verb: Verb,
    /// The name under which a write is retried.
    pub name: Option<String>,
    /// On how many members a write must be durable.
    pub write_concern: u8,
    /// When the story goes on.
    pub patience: Patience,
}

/// What a request does to its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Reads it.
    Get,
    /// Writes a value.
    Put(Value),
    /// Deletes it.
    Delete,
}

/// When the story goes on after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Once it is answered, or the client gave up.
    UntilAnswered,
    /// At once; the answer is told when it comes.
    GoesOn,
}

/// What a session does beside asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionAct {
    /// Waits for the answer to what it began.
    Waits,
    /// Drops its token: it has seen nothing.
    Forgets,
    /// Changes a character of its token.
    Forges,
    /// Goes on with the token of another session.
    Follows(String),
}

/// What the newest config is waited to be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Slots are on the move and not handed over yet.
    Moving,
    /// Slots are handed over, and their former owners may still have something.
    HandedOver,
    /// Nothing is on the move.
    AtRest,
    /// A node is a member of a shard, and writes.
    In(NodeId),
    /// A node is a member of no shard.
    Out(NodeId),
}

/// What is done to links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkAct {
    /// Nothing passes.
    Cut,
    /// What is sent is kept back.
    Hold,
    /// What was kept back arrives, and all that follows.
    Release,
    /// Everything takes so long, in milliseconds.
    Delay(u64),
    /// Everything arrives twice.
    Duplicate,
    /// All is well again.
    Heal,
}

/// What is done to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessAct {
    /// It ends so.
    End(Death),
    /// It stops as an operator stops it.
    Stop,
    /// It starts.
    Start,
    /// It is killed and its disk is lost.
    Wipe,
    /// It does nothing until it is resumed.
    Pause,
    /// It goes on.
    Resume,
}

/// What is done to a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskAct {
    /// It has no room left.
    Full,
    /// Its syncs fail.
    Failing,
    /// Its syncs take so many times as long.
    Slow(u64),
    /// All is well again.
    Healthy,
}
