//! Operations of clients as data: who asks whom for what, and when.

use std::fmt;

use causeway::{id::NodeId, store::Key};
use serde::{Deserialize, Serialize};

use crate::history::{OpId, SessionId};

/// One operation of a client, as planned. A session does one operation after another: it begins one at its time, or once the one
/// before is answered, if that is later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Its name, for ever: in the history, in the value that a put writes, and for what is drawn while it runs.
    pub op: OpId,
    /// When it begins, in milliseconds after the warm-up.
    pub at_ms: u64,
    /// Whose it is.
    pub session: SessionId,
    /// Whom the session asks.
    pub node: NodeId,
    /// What it does.
    #[serde(flatten)]
    pub action: Action,
}

/// What an operation does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// Reads a key.
    Get {
        /// Which.
        key: Key,
    },
    /// Reads what the writer of the value that the session saw last had touched before it wrote: the read that goes wrong when a
    /// dependency is lost. Which key that is shows while it runs.
    Probe {
        /// What it reads when the session's last operation saw no such value.
        key: Key,
    },
    /// Writes a value that names the operation.
    Put {
        /// Which key.
        key: Key,
        /// Whether it is sent again.
        #[serde(default, skip_serializing_if = "Retry::is_never")]
        retry: Retry,
        /// On how many members it must be durable.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        concern: u8,
    },
    /// Writes a tombstone.
    Delete {
        /// Which key.
        key: Key,
        /// Whether it is sent again.
        #[serde(default, skip_serializing_if = "Retry::is_never")]
        retry: Retry,
        /// On how many members it must be durable.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        concern: u8,
    },
    /// Reads a key with a token that was damaged on purpose: it must be refused.
    Forge {
        /// Which.
        key: Key,
    },
}

/// Whether a write is sent again, under one idempotency key. One that never is has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retry {
    /// Never.
    #[default]
    Never,
    /// When its outcome is unknown.
    Unknown,
    /// Always, also when it was answered.
    Always,
}

impl Retry {
    fn is_never(&self) -> bool {
        *self == Self::Never
    }
}

impl Action {
    /// The key that it names.
    pub fn key(&self) -> &Key {
        match self {
            Self::Get { key } | Self::Probe { key } | Self::Put { key, .. } | Self::Delete { key, .. } | Self::Forge { key } => {
                key
            }
        }
    }

    /// The same, to change it.
    pub fn key_mut(&mut self) -> &mut Key {
        match self {
            Self::Get { key } | Self::Probe { key } | Self::Put { key, .. } | Self::Delete { key, .. } | Self::Forge { key } => {
                key
            }
        }
    }
}

fn one() -> u8 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_one(concern: &u8) -> bool {
    *concern == 1
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { op, session, node, action, at_ms: _ } = self;
        write!(f, "{op} {session} at {node}: {action}")
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, retry, concern) = match self {
            Self::Get { .. } => ("get", Retry::Never, 1),
            Self::Probe { .. } => ("probe", Retry::Never, 1),
            Self::Forge { .. } => ("forged get", Retry::Never, 1),
            Self::Put { retry, concern, .. } => ("put", *retry, *concern),
            Self::Delete { retry, concern, .. } => ("delete", *retry, *concern),
        };
        write!(f, "{what} {}", self.key())?;
        match retry {
            Retry::Never => {}
            Retry::Unknown => f.write_str(", again if unknown")?,
            Retry::Always => f.write_str(", again in any case")?,
        }
        if concern > 1 { write!(f, ", on {concern} disks") } else { Ok(()) }
    }
}
