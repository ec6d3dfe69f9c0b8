//! Small histories by hand, for seeing each checker fail. Three replicas of one shard, four sessions; an hlc is a small number.

mod moving;

use std::{collections::BTreeMap, sync::Arc};

use causeway::{
    clock::{Dot, Hlc, Token, TokenKeys, VersionVector},
    id::{ActorId, Epoch, NodeId},
    node::Event,
    placement::{Config, Founding},
    store::{Operation as Retriable, OperationId, Order, Value, Version, Write},
};

pub use moving::Moving;

use super::{Answer, Judge, Property, Reading, Violation};
use crate::history::{Invocation, Kind, OpId, Outcome, SessionId};

/// The epoch that all start in.
const FIRST: Epoch = Epoch { generation: 0, number: 1 };

/// What a judgement blames; nothing when it passes.
pub fn blame<T>(judged: Result<T, Violation>) -> Option<Property> {
    judged.err().map(|violation| violation.property)
}

/// A run by hand.
pub struct Litmus {
    /// Who judges it.
    pub judge: Judge,
    /// The token that clients are given and writes carry. At first it stands for everything.
    pub token: Token,
    /// When operations begin.
    pub at_us: u64,
    writes: BTreeMap<OpId, Vec<Write>>,
}

impl Litmus {
    /// Nothing has happened.
    pub fn new() -> Self {
        let config = first();
        let token = Token::at_floor(Epoch::default(), Hlc(u64::MAX));
        Self { judge: Judge::new(&config, 4, TokenKeys::default()), token, at_us: 0, writes: BTreeMap::new() }
    }

    /// The first config.
    pub fn config(&self) -> Config {
        first()
    }

    /// A put that is applied at its origin and acknowledged.
    pub fn put(&mut self, session: u16, key: &str, actor: u32, hlc: u64) -> OpId {
        let op = self.begin_put(session, key);
        self.apply_put(op, actor, hlc);
        self.answer(op, Outcome::Overwrote).unwrap();
        op
    }

    /// An acknowledged put of which no replica said anything.
    pub fn put_unseen(&mut self, session: u16, key: &str) -> OpId {
        let op = self.begin_put(session, key);
        self.answer(op, Outcome::Overwrote).unwrap();
        op
    }

    /// A delete that is applied at its origin and acknowledged.
    pub fn delete(&mut self, session: u16, key: &str, actor: u32, hlc: u64) -> OpId {
        let op = self.begin(session, key, Kind::Delete, None);
        self.apply_put(op, actor, hlc);
        self.answer(op, Outcome::Overwrote).unwrap();
        op
    }

    /// A read, answered at once.
    pub fn read(&mut self, session: u16, key: &str, outcome: Outcome) -> Result<Outcome, Violation> {
        let op = self.begin(session, key, Kind::Get, None);
        self.answer(op, outcome)
    }

    /// A put that is on its way.
    pub fn begin_put(&mut self, session: u16, key: &str) -> OpId {
        self.begin(session, key, Kind::Put, None)
    }

    /// A put with an idempotency key that is on its way.
    pub fn begin_named_put(&mut self, session: u16, key: &str) -> OpId {
        self.begin(session, key, Kind::Put, Some(OperationId(77)))
    }

    /// A delete with an idempotency key that is on its way.
    pub fn begin_named_delete(&mut self, session: u16, key: &str) -> OpId {
        self.begin(session, key, Kind::Delete, Some(OperationId(77)))
    }

    /// The client sends it again.
    pub fn retry(&mut self, op: OpId) {
        self.judge.retry(op);
    }

    /// The client waits no longer.
    pub fn give_up(&mut self, op: OpId) {
        self.judge.gave_up(op, 0);
    }

    /// Its record is applied at its origin.
    pub fn apply_put(&mut self, op: OpId, actor: u32, hlc: u64) {
        self.try_apply_put(op, actor, hlc).unwrap();
    }

    /// Its record is applied at its origin, for a history that must fail there.
    pub fn try_apply_put(&mut self, op: OpId, actor: u32, hlc: u64) -> Result<(), Violation> {
        self.try_apply_put_in(Epoch::default(), op, actor, hlc)
    }

    /// The same, made in an epoch.
    pub fn try_apply_put_in(&mut self, epoch: Epoch, op: OpId, actor: u32, hlc: u64) -> Result<(), Violation> {
        let invocation = self.judge.books().history().get(op).unwrap().invocation.clone();
        let write = Write {
            dot: Dot { actor: ActorId(actor), hlc: Hlc(hlc) },
            epoch,
            key: invocation.key,
            value: (invocation.kind == Kind::Put).then(|| Value::json(op.value(0))),
            past: self.token.clone(),
            operation: invocation.idempotency.map(|id| Retriable { id, fingerprint: 0, existed: false, apart_from: Hlc::ZERO }),
        };
        self.writes.entry(op).or_default().push(write.clone());
        self.apply(actor, &write)
    }

    /// The last record of an operation is applied at another replica.
    pub fn replicate(&mut self, op: OpId, node: u32) -> Result<(), Violation> {
        let write = self.writes[&op].last().unwrap().clone();
        self.apply(node, &write)
    }

    /// The last record of an operation is applied, and the replica claims this winner.
    pub fn replicate_with_winner(&mut self, op: OpId, node: u32, actor: u32, hlc: u64) -> Result<(), Violation> {
        let write = Arc::new(self.writes[&op].last().unwrap().clone());
        self.happened(node, Event::Applied { write, winner: order(actor, hlc) })
    }

    /// A node says something.
    pub fn happened(&mut self, node: u32, event: Event) -> Result<(), Violation> {
        self.judge.happened(NodeId(node), &event)
    }

    /// A node says that it has applied an actor so far.
    pub fn promise(&mut self, node: u32, actor: u32, upto: u64) -> Result<(), Violation> {
        self.happened(node, Event::Promised { actor: ActorId(actor), upto: Hlc(upto) })
    }

    /// A node has restarted, with this much of one actor.
    pub fn recover(&mut self, node: u32, actor: u32, upto: u64) -> Result<(), Violation> {
        let applied: VersionVector = [(ActorId(actor), Hlc(upto))].into_iter().collect();
        self.happened(node, Event::Recovered { applied, lease: Hlc(1_000), takes_writes: true, epoch: FIRST })
    }

    /// A process that starts finds a key on its disk.
    pub fn find(&mut self, node: u32, key: &str, ops: &[OpId]) -> Result<(), Violation> {
        let versions = self.versions(ops);
        self.happened(node, Event::Found { key: key.into(), versions })
    }

    /// A key's contents came with a snapshot.
    pub fn install(&mut self, node: u32, key: &str, ops: &[OpId]) -> Result<(), Violation> {
        let versions = self.versions(ops);
        self.happened(node, Event::Installed { key: key.into(), versions })
    }

    /// A tombstone is dropped.
    pub fn collect(&mut self, node: u32, key: &str, actor: u32, hlc: u64) -> Result<(), Violation> {
        self.happened(node, Event::Collected { key: key.into(), order: order(actor, hlc) })
    }

    /// An answer that says this comes.
    pub fn answer(&mut self, op: OpId, outcome: Outcome) -> Result<Outcome, Violation> {
        let kind = self.judge.books().history().get(op).unwrap().invocation.kind;
        let (status, text) = match outcome {
            Outcome::Found(_) => (200, "found"),
            Outcome::Absent => (404, "Key does not exist"),
            Outcome::Created => (201, "created"),
            Outcome::Overwrote if kind == Kind::Delete => (200, "deleted"),
            Outcome::Overwrote => (200, "replaced"),
            Outcome::NotApplied => (503, "Cannot forward request"),
            Outcome::Pending | Outcome::Unknown => (504, "Outcome unknown"),
        };
        let found = if let Outcome::Found(found) = outcome { Some(found) } else { None };
        let token = Some(TokenKeys::default().seal(&self.token));
        self.judge.answered(op, &Answer { status, text: text.to_owned(), found, token }, 0)
    }

    /// What replicas say at the end, one answer each for one key.
    pub fn end(&self, key: &str, outcomes: &[Outcome]) -> Result<(), Violation> {
        let reading = |(node, outcome): (u32, &Outcome)| Reading { node: NodeId(node), key: key.into(), outcome: *outcome };
        self.judge.quiescent(&(0..).zip(outcomes).map(reading).collect::<Vec<_>>())
    }

    fn versions(&self, ops: &[OpId]) -> Vec<Version> {
        ops.iter().map(|op| self.writes[op].last().unwrap().version()).collect()
    }

    fn begin(&mut self, session: u16, key: &str, kind: Kind, idempotency: Option<OperationId>) -> OpId {
        let session = SessionId(session);
        self.judge.invoke(Invocation { session, node: NodeId(0), key: key.into(), kind, idempotency, at_us: self.at_us })
    }

    fn apply(&mut self, node: u32, write: &Write) -> Result<(), Violation> {
        let replicas = self.judge.replicas();
        let operation = write.operation.map(|operation| operation.id);
        let twins = replicas
            .records_of(&write.key)
            .filter(|(dot, known)| operation.is_some() && known.operation == operation && replicas.has(NodeId(node), *dot));
        let own = twins.map(|(dot, _)| dot).chain([write.dot]).map(Order::from).min();
        let winner = own.max(replicas.winner_by_set(NodeId(node), &write.key)).unwrap_or_else(|| write.dot.into());
        self.happened(node, Event::Applied { write: Arc::new(write.clone()), winner })
    }
}

fn order(actor: u32, hlc: u64) -> Order {
    Order { hlc: Hlc(hlc), actor: ActorId(actor) }
}

fn first() -> Config {
    let view = (0..3).map(|i| format!("10.0.0.{i}:8090")).collect();
    Config::found(&Founding { view, shard_count: 1 }).unwrap()
}
