//! One operation of a history, as somebody outside of the store can tell it.

use std::{error::Error, fmt};

/// The value that a read returns when the key holds none: the initial state, or a tombstone.
pub const ABSENT: u64 = 0;

/// The transaction number that the text format gives to what was rolled back.
pub const ABORTED: i64 = -1;

/// What an operation does to its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Returns the key's value, or [`ABSENT`].
    Read,
    /// Writes a value.
    Put,
    /// Writes a tombstone: reads find the key absent.
    Delete,
}

/// What the session knows of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It took effect.
    Done,
    /// A write without an answer: it may have taken effect, or may yet. Until somebody reads it, it is in nobody's past, its own
    /// session's neither.
    Unknown,
    /// It was refused or rolled back: nobody may ever read it.
    Failed,
}

/// One operation. Operations of one session are in the session's order; those of one transaction are atomic, and all that they
/// read is read from one snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Op {
    /// Who.
    pub session: u64,
    /// Its transaction: any number that no other transaction has. Of a failed operation it says nothing.
    pub transaction: i64,
    /// Which key.
    pub key: u64,
    /// What was read or written. No two puts of a key write the same; of a delete it is a name and means nothing.
    pub value: u64,
    /// What.
    pub action: Action,
    /// How it went. A read that brought no answer is left out of a history: it says nothing.
    pub outcome: Outcome,
}

impl Op {
    /// A read that returned this value.
    pub fn read(session: u64, transaction: i64, key: u64, value: u64) -> Self {
        Self { session, transaction, key, value, action: Action::Read, outcome: Outcome::Done }
    }

    /// An acknowledged put of this value.
    pub fn put(session: u64, transaction: i64, key: u64, value: u64) -> Self {
        Self { session, transaction, key, value, action: Action::Put, outcome: Outcome::Done }
    }

    /// An acknowledged delete, with a name for it.
    pub fn delete(session: u64, transaction: i64, key: u64, name: u64) -> Self {
        Self { session, transaction, key, value: name, action: Action::Delete, outcome: Outcome::Done }
    }

    /// The same operation with another outcome.
    pub fn with(self, outcome: Outcome) -> Self {
        Self { outcome, ..self }
    }

    /// Whether it writes.
    pub fn is_write(&self) -> bool {
        self.action != Action::Read
    }
}

/// Why operations are no history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Two puts of one key write the same value: a read of it does not say which it saw.
    WrittenTwice {
        /// The key.
        key: u64,
        /// The value.
        value: u64,
    },
    /// A put writes the value that stands for 'absent'.
    PutOfAbsent {
        /// The key.
        key: u64,
    },
    /// A transaction has operations of two sessions.
    SharedTransaction(i64),
    /// A transaction goes on after its session began another one.
    TornTransaction(i64),
    /// A transaction of unknown outcome has a read. What its session read before should be a transaction of its own.
    ReadInUnknown(i64),
    /// Some writes of a transaction have a known outcome and some have not.
    HalfKnown(i64),
    /// More than the checker can count.
    TooLarge,
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, key, value, .. } = self;
        let letter = match self.action {
            Action::Read => 'r',
            Action::Put => 'w',
            Action::Delete => 'd',
        };
        let transaction = if self.outcome == Outcome::Failed { ABORTED } else { self.transaction };
        let mark = if self.outcome == Outcome::Unknown { "?" } else { "" };
        write!(f, "{letter}({key},{value},{session},{transaction}){mark}")
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrittenTwice { key, value } => write!(f, "value {value} is written to key {key} more than once"),
            Self::PutOfAbsent { key } => write!(f, "a put writes {ABSENT} to key {key}, which stands for 'absent'"),
            Self::SharedTransaction(number) => write!(f, "transaction {number} has operations of two sessions"),
            Self::TornTransaction(number) => write!(f, "transaction {number} goes on after its session began another"),
            Self::ReadInUnknown(number) => write!(f, "transaction {number} has a read, and its outcome is unknown"),
            Self::HalfKnown(number) => write!(f, "of transaction {number} some outcomes are known and some are not"),
            Self::TooLarge => f.write_str("more operations than the checker can count"),
        }
    }
}

impl Error for Malformed {}
