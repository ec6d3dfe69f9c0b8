//! What was done to the world: as text for a trace, and as data for whoever draws it.

use std::fmt;

use causeway::id::NodeId;
use serde::{Deserialize, Serialize};

/// One change of the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// A node's process starts.
    Up {
        /// Which node.
        node: NodeId,
    },
    /// A node's process ends.
    Down {
        /// Which node.
        node: NodeId,
        /// How.
        how: String,
    },
    /// A node's process does nothing from now on.
    Paused {
        /// Which node.
        node: NodeId,
    },
    /// It goes on.
    GoesOn {
        /// Which node.
        node: NodeId,
    },
    /// A node does everything so many times slower than a healthy one; 1 is healthy.
    Slow {
        /// Which node.
        node: NodeId,
        /// How many times.
        factor: u64,
    },
    /// What a directed link does to frames.
    Link {
        /// Who sends.
        from: NodeId,
        /// Who receives.
        to: NodeId,
        /// Whether frames pass.
        state: LinkState,
        /// All that it does.
        text: String,
    },
    /// What a node's disk does.
    Disk {
        /// Whose.
        node: NodeId,
        /// Whether anything is wrong with it.
        state: DiskState,
        /// What.
        text: String,
    },
    /// A node's clock is wrong in another way than before.
    Clock {
        /// Whose.
        node: NodeId,
        /// How.
        text: String,
    },
}

/// Whether frames pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkState {
    /// They do.
    Open,
    /// They are lost.
    Cut,
    /// They are kept back.
    Held,
}

/// Whether anything is wrong with a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskState {
    /// Nothing.
    Healthy,
    /// Something.
    Sick,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up { node } => write!(f, "{node} starts"),
            Self::Down { node, how } => write!(f, "{node} {how}"),
            Self::Paused { node } => write!(f, "{node} is paused"),
            Self::GoesOn { node } => write!(f, "{node} goes on"),
            Self::Slow { node, factor } => write!(f, "{node} is slower by a factor of {factor}"),
            Self::Link { from, to, text, .. } => write!(f, "link {from} > {to}: {text}"),
            Self::Disk { node, text, .. } => write!(f, "disk of {node}: {text}"),
            Self::Clock { node, text } => write!(f, "clock of {node} {text}"),
        }
    }
}
