//! One line of a trace: what happened, to whom, when. Written as text for people, and as data for whoever draws or compares it.

use std::fmt;

use causeway::{id::NodeId, node::Event, store::Key};
use serde::{Deserialize, Serialize};

use super::Change;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// True simulated time, in microseconds since the start.
    pub at_us: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened. The first word of a text says what kind of thing it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum What {
    /// A node says that something happened.
    Event {
        /// Which node.
        node: NodeId,
        /// The key that it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<Key>,
        /// What.
        text: String,
    },
    /// A frame reached a node's process.
    Frame {
        /// Who sent it.
        from: NodeId,
        /// Whom it reached.
        to: NodeId,
        /// When it was sent.
        sent_us: u64,
        /// What it says.
        text: String,
    },
    /// A frame did not reach anyone.
    Lost {
        /// Who sent it.
        from: NodeId,
        /// Whom it was for.
        to: NodeId,
        /// When it was sent.
        sent_us: u64,
        /// Why.
        why: String,
    },
    /// A client asked or was answered.
    Client {
        /// What.
        text: String,
    },
    /// Something was done to the world.
    Fault {
        /// What.
        text: String,
    },
    /// The world changed.
    Change {
        /// How.
        change: Change,
    },
}

/// The key that an event is about.
pub(super) fn key_of(event: &Event) -> Option<Key> {
    match event {
        Event::Applied { write, .. } => Some(write.key.clone()),
        Event::Found { key, .. } | Event::Installed { key, .. } | Event::Collected { key, .. } => Some(key.clone()),
        Event::Recovered { .. }
        | Event::Copied(_)
        | Event::ImportsAnew { .. }
        | Event::Promised { .. }
        | Event::Stable(_)
        | Event::Kept
        | Event::Acknowledged(_)
        | Event::Adopted(_)
        | Event::SetAside { .. }
        | Event::Forgot
        | Event::Suspected(_)
        | Event::Trusted(_)
        | Event::Down(_)
        | Event::Up(_)
        | Event::StoppedWriting(_)
        | Event::TakesWrites => None,
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at_us, what } = self;
        write!(f, "{:>4}.{:06} {what}", at_us / 1_000_000, at_us % 1_000_000)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event { node, text, .. } => write!(f, "{node}: {text}"),
            Self::Frame { from, to, text, .. } => write!(f, "{from} > {to}: {text}"),
            Self::Lost { from, to, why, .. } => write!(f, "{from} > {to}: lost, {why}"),
            Self::Client { text } => f.write_str(text),
            Self::Fault { text } => write!(f, "fault: {text}"),
            Self::Change { change } => write!(f, "fault: {change}"),
        }
    }
}
