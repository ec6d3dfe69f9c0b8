//! All records that some replica has told of, found by dot, by key and by operation: the questions that are asked at every event
//! must not walk over a whole run.

use std::collections::BTreeMap;

use causeway::{
    clock::{Dot, Hlc},
    id::{ActorId, Epoch, NodeId},
    store::{Key, OperationId, Order},
};

use crate::history::OpId;

/// One record, known since some replica applied it.
#[derive(Debug, Clone)]
pub struct Known {
    /// The key.
    pub key: Key,
    /// The idempotency key under which it was made.
    pub operation: Option<OperationId>,
    /// The operation that asked for it; none once that is forgotten.
    pub op: Option<OpId>,
    /// Whether it deletes.
    pub is_tombstone: bool,
    /// The epoch that it was made in; the default for one that was only found.
    pub epoch: Epoch,
    /// Which replicas hold it, or held it until something larger won.
    pub(super) applied_at: Nodes,
    /// Which replicas ever held it.
    pub(super) held_at: Nodes,
    /// Which replicas said since their last start that they applied it.
    pub(super) said_at: Nodes,
}

/// Whether a record deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsTombstone {
    /// It deletes.
    Yes,
    /// It has a value.
    No,
}

impl Known {
    /// A record that nobody has applied yet.
    pub fn new(key: Key, operation: Option<OperationId>, op: Option<OpId>, is_tombstone: IsTombstone, epoch: Epoch) -> Self {
        let is_tombstone = is_tombstone == IsTombstone::Yes;
        let nobody = Nodes::default;
        Self { key, operation, op, is_tombstone, epoch, applied_at: nobody(), held_at: nobody(), said_at: nobody() }
    }

    /// Whether a value is the one that this record wrote, as far as is known.
    pub fn wrote(&self, value: &[u8]) -> bool {
        self.op.is_none_or(|op| OpId::of_value(value) == Some(op))
    }
}

/// The few replicas of a shard.
#[derive(Debug, Clone, Default)]
pub(super) struct Nodes(Vec<NodeId>);

impl Nodes {
    pub fn contains(&self, node: NodeId) -> bool {
        self.0.contains(&node)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Says whether it was not there.
    pub fn insert(&mut self, node: NodeId) -> bool {
        let is_new = !self.contains(node);
        if is_new {
            self.0.push(node);
        }
        is_new
    }

    pub fn remove(&mut self, node: NodeId) {
        self.0.retain(|other| *other != node);
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// In the order in which they became known.
    all: Vec<(Dot, Known)>,
    /// For each actor, in the order of its hlcs. They come almost in order, so that a new one goes to the end.
    by_actor: BTreeMap<ActorId, Vec<(Hlc, usize)>>,
    /// For each key, in the order of last-writer-wins.
    by_key: BTreeMap<Key, Vec<(Order, usize)>>,
    by_operation: BTreeMap<OperationId, Vec<usize>>,
}

impl Records {
    /// Adds a record, unless its dot is known.
    pub fn add(&mut self, dot: Dot, known: Known) {
        let (row, order) = (self.all.len(), Order::from(dot));
        let of_actor = self.by_actor.entry(dot.actor).or_default();
        let Err(place) = of_actor.binary_search_by_key(&dot.hlc, hlc_of) else { return };
        of_actor.insert(place, (dot.hlc, row));
        let of_key = self.by_key.entry(known.key.clone()).or_default();
        let place = of_key.partition_point(|(other, _)| *other < order);
        of_key.insert(place, (order, row));
        if let Some(operation) = known.operation {
            self.by_operation.entry(operation).or_default().push(row);
        }
        self.all.push((dot, known));
    }

    pub fn get(&self, dot: Dot) -> Option<&Known> {
        self.row(dot).map(|row| &self.all[row].1)
    }

    pub fn get_mut(&mut self, dot: Dot) -> Option<&mut Known> {
        self.row(dot).map(|row| &mut self.all[row].1)
    }

    fn row(&self, dot: Dot) -> Option<usize> {
        let of_actor = self.by_actor.get(&dot.actor)?;
        of_actor.binary_search_by_key(&dot.hlc, hlc_of).ok().map(|place| of_actor[place].1)
    }

    pub fn iter(&self) -> impl Iterator<Item = (Dot, &Known)> {
        self.all.iter().map(|(dot, known)| (*dot, known))
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Known> {
        self.all.iter_mut().map(|(_, known)| known)
    }

    /// Everybody who has a record.
    pub fn writers(&self) -> impl Iterator<Item = ActorId> {
        self.by_actor.keys().copied()
    }

    /// Those of a key, the smallest first.
    pub fn of_key(&self, key: &str) -> impl DoubleEndedIterator<Item = (Dot, &Known)> {
        self.by_key.get(key).into_iter().flatten().map(|(_, row)| self.at(*row))
    }

    /// Those of an actor above one hlc, up to another, by hlc.
    pub fn between(&self, actor: ActorId, above: Hlc, upto: Hlc) -> impl Iterator<Item = (Dot, &Known)> {
        let of_actor = self.by_actor.get(&actor).map_or(&[][..], Vec::as_slice);
        let not_above = |bound: Hlc| of_actor.partition_point(|(hlc, _)| *hlc <= bound);
        let between = of_actor.get(not_above(above)..not_above(upto));
        between.into_iter().flatten().map(|(_, row)| self.at(*row))
    }

    /// All records of the operation that made this one, of its key; none when it was made without an idempotency key.
    pub fn twins(&self, of: &Known) -> impl Iterator<Item = (Dot, &Known)> {
        let rows = of.operation.and_then(|operation| self.by_operation.get(&operation));
        rows.into_iter().flatten().map(|row| self.at(*row)).filter(move |(_, twin)| twin.key == of.key)
    }

    fn at(&self, row: usize) -> (Dot, &Known) {
        let (dot, known) = &self.all[row];
        (*dot, known)
    }
}

fn hlc_of(row: &(Hlc, usize)) -> Hlc {
    row.0
}
