//! What the clients of a run did and saw: sessions, their operations, and what is known of each.
//!
//! A session is one client that does one operation after another. Every put writes a value that names its operation, so a read
//! says exactly which write it saw. An operation without an answer, or with 'outcome unknown', is [`Outcome::Unknown`]: it may
//! have happened, may still happen, and is never read as 'did not happen'.

use std::{collections::BTreeMap, fmt, sync::Arc};

use causeway::{
    clock::Dot,
    id::NodeId,
    store::{Key, OperationId, Order},
};
use serde::{Deserialize, Serialize};

use crate::checker::Past;

/// A client. Sessions are numbered from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionId(pub u16);

/// One operation of a run. The value that a put writes carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OpId(pub u32);

impl OpId {
    /// The value that a put of this operation writes, as JSON text, padded to about `bytes` bytes.
    pub fn value(self, bytes: usize) -> String {
        let tag = format!("{{\"op\":{}", self.0);
        match bytes.checked_sub(tag.len() + 11) {
            Some(padding) => format!("{tag},\"pad\":\"{}\"}}", "x".repeat(padding)),
            None => format!("{tag}}}"),
        }
    }

    /// The operation that wrote a value; `None` for a value that no operation writes.
    pub fn of_value(json: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Tagged {
            op: OpId,
        }
        serde_json::from_slice::<Tagged>(json).ok().map(|tagged| tagged.op)
    }
}

/// Read, write or delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Reads the key.
    Get,
    /// Writes a value that names the operation.
    Put,
    /// Writes a tombstone.
    Delete,
}

/// What a session knows of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Not answered yet.
    Pending,
    /// A read saw what this operation wrote.
    Found(OpId),
    /// A read, or a delete, found no value: the initial state or a tombstone.
    Absent,
    /// A put was acknowledged, and the key held no value before it.
    Created,
    /// A put or delete was acknowledged, and the key held a value before it.
    Overwrote,
    /// Refused, with the promise that it never takes effect.
    NotApplied,
    /// No answer, or 'outcome unknown': it may take effect at any time.
    Unknown,
}

impl Outcome {
    /// Whether a write was acknowledged.
    pub fn is_acknowledged(self) -> bool {
        matches!(self, Self::Created | Self::Overwrote)
    }

    /// Whether it says that the key held no value, to a read or to a write that looked before it wrote.
    pub fn saw_absence(self) -> bool {
        matches!(self, Self::Absent | Self::Created)
    }
}

/// What a client is about to do.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Who.
    pub session: SessionId,
    /// Asked where.
    pub node: NodeId,
    /// Which key.
    pub key: Key,
    /// What.
    pub kind: Kind,
    /// Its idempotency key, for writes that are retried under one name.
    pub idempotency: Option<OperationId>,
    /// When, in simulated microseconds.
    pub at_us: u64,
}

/// One operation, with all that is known of it.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its name.
    pub id: OpId,
    /// How it was asked for.
    pub invocation: Invocation,
    /// Its place among the session's writes, from 1; 0 for a read.
    pub sequence: u32,
    /// How many replicas must hold it before it is answered.
    pub concern: u8,
    /// How often it was sent.
    pub attempts: u8,
    /// When it was answered, in simulated microseconds.
    pub returned_us: Option<u64>,
    /// What the session knows.
    pub outcome: Outcome,
    /// Whether an attempt before the last one had an unknown outcome: then no later refusal makes it 'did not happen'.
    pub in_doubt: bool,
    /// Whether every copy of what it wrote was destroyed.
    pub is_lost: bool,
    /// The records that it made: two when a retry met a node that had not heard of the first.
    pub dots: Vec<Dot>,
    /// What its session had seen when it was invoked.
    pub past: Arc<Past>,
}

impl Operation {
    /// The place of the write in last-writer-wins. Two records of one operation are one write, ordered by the smaller, so this is
    /// what counts where the write is in someone's past.
    pub fn smallest(&self) -> Option<Order> {
        self.dots.iter().map(|dot| Order::from(*dot)).min()
    }

    /// The largest place under which a replica that knows only some of the records may show it: what a read is judged by.
    pub fn largest(&self) -> Option<Order> {
        self.dots.iter().map(|dot| Order::from(*dot)).max()
    }

    /// Whether it writes.
    pub fn is_write(&self) -> bool {
        self.invocation.kind != Kind::Get
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::Delete => "delete",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.write_str("pending"),
            Self::Found(op) => write!(f, "found {op}"),
            Self::Absent => f.write_str("absent"),
            Self::Created => f.write_str("created"),
            Self::Overwrote => f.write_str("overwrote"),
            Self::NotApplied => f.write_str("not applied"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Invocation { session, node, key, kind, .. } = &self.invocation;
        write!(f, "{} {session} at {node}: {kind} {key} -> {}", self.id, self.outcome)?;
        for dot in &self.dots {
            write!(f, " [{dot}]")?;
        }
        Ok(())
    }
}

/// Where an operation is, until it is forgotten: found without a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row(usize);

/// All operations of a run that may still matter, by name.
#[derive(Debug, Default)]
pub struct History {
    rows: BTreeMap<OpId, Row>,
    /// By row. A row whose operation is forgotten is used again.
    operations: Vec<Option<Operation>>,
    free: Vec<Row>,
    /// Those that are forgotten, where a run is kept whole.
    archive: Option<BTreeMap<OpId, Operation>>,
    invoked: u32,
    bound: u32,
}

impl History {
    /// Keeps what is forgotten from now on, for [`whole`](Self::whole).
    pub fn archive(&mut self) {
        self.archive.get_or_insert_default();
    }

    /// A new operation. Its name must be new.
    pub fn invoke(&mut self, id: OpId, invocation: Invocation, sequence: u32, past: Arc<Past>) -> Row {
        self.invoked += 1;
        self.bound = self.bound.max(id.0 + 1);
        let operation = Operation {
            id,
            invocation,
            sequence,
            concern: 1,
            attempts: 1,
            returned_us: None,
            outcome: Outcome::Pending,
            in_doubt: false,
            is_lost: false,
            dots: Vec::new(),
            past,
        };
        let row = self.free.pop().unwrap_or(Row(self.operations.len()));
        self.operations.resize_with(self.operations.len().max(row.0 + 1), || None);
        self.operations[row.0] = Some(operation);
        let before = self.rows.insert(id, row);
        debug_assert!(before.is_none(), "{id} has begun already");
        row
    }

    /// How many operations there ever were.
    pub fn invoked(&self) -> u32 {
        self.invoked
    }

    /// The names of all operations that there ever were are below it.
    pub fn bound(&self) -> OpId {
        OpId(self.bound)
    }

    /// One operation; `None` once it was forgotten.
    pub fn get(&self, id: OpId) -> Option<&Operation> {
        self.at(*self.rows.get(&id)?)
    }

    /// The operation in a row.
    pub fn at(&self, row: Row) -> Option<&Operation> {
        self.operations[row.0].as_ref()
    }

    /// One operation, for noting what became known of it.
    pub fn get_mut(&mut self, id: OpId) -> Option<&mut Operation> {
        self.operations[self.rows.get(&id)?.0].as_mut()
    }

    /// Drops an operation that can matter to no later judgement.
    pub fn forget(&mut self, id: OpId) {
        let Some(row) = self.rows.remove(&id) else { return };
        let forgotten = self.operations[row.0].take();
        self.free.push(row);
        if let Some(archive) = &mut self.archive {
            archive.extend(forgotten.map(|operation| (id, operation)));
        }
    }

    /// The operations that are kept, by name.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Operation> {
        self.rows.values().filter_map(|row| self.at(*row))
    }

    /// All operations since [`archive`](Self::archive), those that are forgotten too, by name.
    pub fn whole(&self) -> Vec<&Operation> {
        let mut all: Vec<&Operation> = self.archive.iter().flat_map(BTreeMap::values).chain(self.iter()).collect();
        all.sort_by_key(|operation| operation.id);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_names_its_operation_whatever_its_padding() {
        for bytes in [0, 10, 19, 20, 21, 500] {
            let value = OpId(17).value(bytes);
            assert_eq!(OpId::of_value(value.as_bytes()), Some(OpId(17)), "{value}");
            assert!(value.len() >= bytes.min(9) && value.len() <= bytes.max(19), "{value} for {bytes}");
        }
        assert_eq!(OpId::of_value(b"\"something else\""), None);
    }
}
