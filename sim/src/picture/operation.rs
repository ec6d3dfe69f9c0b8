//! What a session asked for, as it is drawn: a bar on the session's lane from call to answer.

use serde::{Deserialize, Serialize};

use super::LaneId;

/// One operation of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its name. Unique within a scene.
    pub id: u64,
    /// Who asked.
    pub session: LaneId,
    /// Who was asked.
    pub node: LaneId,
    /// What was asked for, in a word: `get`, `put`, `delete`, or what another store calls it.
    pub kind: String,
    /// Whether it writes: filled when drawn.
    pub effect: Effect,
    /// Of which key. May be empty.
    pub key: String,
    /// When the call was made.
    pub begun_us: u64,
    /// When the node did it, if that is known: the call and the answer are then drawn to the node's lane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_us: Option<u64>,
    /// When the call ended, with or without an answer; `None` while it is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_us: Option<u64>,
    /// How it ended.
    pub ending: Ending,
    /// What was answered, or why there is no answer.
    #[serde(default)]
    pub outcome: String,
    /// How often it was sent again.
    #[serde(default)]
    pub retried: u32,
}

/// Whether an operation changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It only looks.
    Read,
    /// It changes something.
    Write,
}

/// What is known of an operation at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Still under way when the scene ends.
    Pending,
    /// It was done.
    Answered,
    /// It was not done and never will be.
    Refused,
    /// It may have been done, and may still be done.
    Unknown,
}

impl Operation {
    /// A call that is under way; a read of no key until it is said what it is.
    pub fn new(id: u64, session: LaneId, node: LaneId, begun_us: u64) -> Self {
        Self {
            id,
            session,
            node,
            kind: String::new(),
            effect: Effect::Read,
            key: String::new(),
            begun_us,
            served_us: None,
            ended_us: None,
            ending: Ending::Pending,
            outcome: String::new(),
            retried: 0,
        }
    }

    /// It reads a key.
    pub fn get(self, key: impl Into<String>) -> Self {
        self.reads("get", key)
    }

    /// It writes a key.
    pub fn put(self, key: impl Into<String>) -> Self {
        self.writes("put", key)
    }

    /// It deletes a key.
    pub fn delete(self, key: impl Into<String>) -> Self {
        self.writes("delete", key)
    }

    /// A read that has another name than `get`.
    pub fn reads(self, kind: impl Into<String>, key: impl Into<String>) -> Self {
        Self { kind: kind.into(), effect: Effect::Read, key: key.into(), ..self }
    }

    /// A write that has another name than `put`.
    pub fn writes(self, kind: impl Into<String>, key: impl Into<String>) -> Self {
        Self { kind: kind.into(), effect: Effect::Write, key: key.into(), ..self }
    }

    /// When the node did it.
    pub fn served(self, at_us: u64) -> Self {
        Self { served_us: Some(at_us), ..self }
    }

    /// It was done, and this was answered.
    pub fn answered(self, at_us: u64, outcome: impl Into<String>) -> Self {
        self.ended(at_us, Ending::Answered, outcome.into())
    }

    /// It was refused, and will never be done.
    pub fn refused(self, at_us: u64, why: impl Into<String>) -> Self {
        self.ended(at_us, Ending::Refused, why.into())
    }

    /// Its session gave up on it: it may have been done.
    pub fn unknown(self, at_us: u64, why: impl Into<String>) -> Self {
        self.ended(at_us, Ending::Unknown, why.into())
    }

    /// It was sent again so often.
    pub fn retried(self, times: u32) -> Self {
        Self { retried: times, ..self }
    }

    fn ended(self, at_us: u64, ending: Ending, outcome: String) -> Self {
        Self { ended_us: Some(at_us), ending, outcome, ..self }
    }
}
