//! One version of a key, and the order in which versions win.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Operation;
use crate::{
    clock::{Dot, Hlc, Token},
    id::{ActorId, Epoch},
};

/// The longest key, in Unicode scalar values.
pub const MAX_KEY_CHARS: usize = 50;

/// UTF-8 without NUL, not empty, at most [`MAX_KEY_CHARS`] characters. Never becomes a file name.
pub type Key = Arc<str>;

/// How to read a value's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContentType {
    /// JSON text, as the course dialect stores it: type and content come back unchanged.
    Json,
    /// Bytes without a meaning to the store.
    Bytes,
}

/// Bytes with a content type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// How to read the bytes.
    pub content_type: ContentType,
    /// Shared, never copied on its way through the node.
    pub bytes: Bytes,
}

impl Value {
    /// JSON text.
    pub fn json(text: impl Into<Bytes>) -> Self {
        Self { content_type: ContentType::Json, bytes: text.into() }
    }
}

/// The total order of last-writer-wins: the larger wins. A write above everything its session has seen is above it here too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Order {
    /// When the write was made.
    pub hlc: Hlc,
    /// Breaks ties.
    pub actor: ActorId,
}

impl From<Dot> for Order {
    fn from(dot: Dot) -> Self {
        Self { hlc: dot.hlc, actor: dot.actor }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.hlc, self.actor)
    }
}

/// Up to where a replica may forget what it keeps of versions.
///
/// A replica writes a second record of an operation only while it has not applied the first. So once every replica has applied the
/// first, no more are made, and those that were made lie at or below the last own write of their replica at that time: when the
/// stable time has passed these too, they are applied everywhere. Hence two times, the second about one round of reports behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Horizon {
    /// Every record up to here is applied at every replica.
    pub stable: Hlc,
    /// Every second record of an operation whose first lies up to here is applied at every replica. Never above `stable`.
    pub no_twins: Hlc,
}

/// A value or a tombstone, with what its write depends on for as long as that matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The name of its write; of two records of one operation, the one with the smaller order.
    pub dot: Dot,
    /// `None` is a tombstone.
    pub value: Option<Value>,
    /// `E(w)`: the session's token at the write and the write's own dot. `None` once the write is stable: then it reads as the floor `H(w)`.
    pub dependencies: Option<Box<Token>>,
    /// What the client's idempotency key stands for, for as long as a second record of it may arrive: see [`Horizon`].
    pub operation: Option<Operation>,
}

impl Version {
    /// Its place in last-writer-wins.
    pub fn order(&self) -> Order {
        self.dot.into()
    }

    /// Whether it marks the key as deleted.
    pub fn is_tombstone(&self) -> bool {
        self.value.is_none()
    }

    /// Whether the [`Horizon`] will let something of it be forgotten.
    pub fn is_unsettled(&self) -> bool {
        self.dependencies.is_some() || self.operation.is_some() || self.is_tombstone()
    }

    /// What a session has seen that has seen this version.
    pub fn seen(&self, epoch: Epoch) -> Token {
        match &self.dependencies {
            Some(token) => (**token).clone(),
            None => Token::at_floor(epoch, self.dot.hlc),
        }
    }
}
