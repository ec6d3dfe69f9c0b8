//! What one lane said to another, as it is drawn: an arrow, or a stub with a cross where it was lost.

use serde::{Deserialize, Serialize};

use super::LaneId;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who sent it.
    pub from: LaneId,
    /// Whom it was for.
    pub to: LaneId,
    /// When it was sent.
    pub sent_us: u64,
    /// What became of it.
    pub fate: Fate,
    /// Of which kind, in a word or two. Pages filter by it.
    pub kind: String,
    /// Which keys it carries. A page that is asked for one key shows the messages that carry it; when no message of a scene says
    /// what it carries, it shows all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// What it says, in one line.
    #[serde(default)]
    pub text: String,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// Nobody has it when the scene ends, and it is not lost.
    UnderWay,
    /// It arrived at this time. A message that was duplicated is two messages.
    Arrived(u64),
    /// It never arrives, for this reason.
    Lost(String),
}

impl Message {
    /// A message under way.
    pub fn new(from: LaneId, to: LaneId, sent_us: u64) -> Self {
        Self { from, to, sent_us, fate: Fate::UnderWay, kind: String::new(), keys: Vec::new(), text: String::new() }
    }

    /// Of which kind.
    pub fn kind(self, kind: impl Into<String>) -> Self {
        Self { kind: kind.into(), ..self }
    }

    /// One more key that it carries.
    pub fn carries(mut self, key: impl Into<String>) -> Self {
        self.keys.push(key.into());
        self
    }

    /// What it says.
    pub fn says(self, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..self }
    }

    /// When it arrived.
    pub fn arrived(self, at_us: u64) -> Self {
        Self { fate: Fate::Arrived(at_us), ..self }
    }

    /// Why it was lost.
    pub fn lost(self, why: impl Into<String>) -> Self {
        Self { fate: Fate::Lost(why.into()), ..self }
    }
}
