//! One operation of a history, as it is written down.

use causeway::{id::NodeId, store::Key};
use serde::{Deserialize, Serialize};

use crate::history::{Kind, OpId, Operation, Outcome, SessionId};

/// What a client did and what it knows of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Its name.
    pub op: OpId,
    /// Who asked.
    pub session: SessionId,
    /// Who was asked first.
    pub node: NodeId,
    /// `get`, `put` or `delete`.
    pub kind: String,
    /// Which key.
    pub key: Key,
    /// When, in simulated microseconds.
    pub begun_us: u64,
    /// When the last answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_us: Option<u64>,
    /// How often it was sent.
    pub attempts: u8,
    /// What the session knows: `found`, `absent`, `created`, `overwrote`, `not applied`, `unknown` or `pending`.
    pub outcome: String,
    /// The write whose value it found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<OpId>,
    /// The records that it made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<String>,
}

impl Told {
    /// What is known of an operation.
    pub fn of(operation: &Operation) -> Self {
        let invocation = &operation.invocation;
        let (outcome, found) = match operation.outcome {
            Outcome::Found(write) => ("found".to_owned(), Some(write)),
            outcome => (outcome.to_string(), None),
        };
        Self {
            op: operation.id,
            session: invocation.session,
            node: invocation.node,
            kind: invocation.kind.to_string(),
            key: invocation.key.clone(),
            begun_us: invocation.at_us,
            ended_us: operation.returned_us,
            attempts: operation.attempts,
            outcome,
            found,
            records: operation.dots.iter().map(ToString::to_string).collect(),
        }
    }

    /// Whether it writes.
    pub fn is_write(&self) -> bool {
        self.kind != Kind::Get.to_string()
    }
}
