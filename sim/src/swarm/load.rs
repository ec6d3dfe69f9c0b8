//! Draws how clients behave in a run, and then their operations.
//!
//! Three habits make bugs show. Keys are few, so that what one session does another sees. Sessions *hop*: what was seen at one node
//! must hold at the next. And they *probe*: who has read a value reads next, at another node, a key that the value's writer had
//! touched before it wrote. That is the read that goes wrong when a dependency is lost.

use std::ops::RangeInclusive;

use causeway::{id::NodeId, store::Key};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::{
    history::{OpId, SessionId},
    plan::{Action, Planned, Retry},
    streams::{Purpose, Streams},
};

/// One in so many named writes is sent again although it was answered.
const NEEDLESS_RETRY: u32 = 6;
/// What an operation is expected to take, in milliseconds.
const ROUND_TRIP_MS: u64 = 10;

/// How clients behave. Shares are in percent.
#[derive(Debug, Clone)]
pub(super) struct Load {
    /// Clients that each do one operation after another.
    pub sessions: u16,
    /// Keys; all are hot.
    pub keys: u16,
    /// The share of operations that go to the two hottest keys.
    pub hot_percent: u8,
    /// Between two operations of a session, in milliseconds.
    pub think_ms: RangeInclusive<u64>,
    /// Operations without a pause between them, now and then; 0 leaves bursts out.
    pub burst_operations: u8,
    /// The share of puts.
    pub put_percent: u8,
    /// The share of deletes.
    pub delete_percent: u8,
    /// How often a session moves to another node before an operation.
    pub hop_percent: u8,
    /// How often a session probes after a read.
    pub probe_percent: u8,
    /// The share of writes with an idempotency key. Those are sent again when their outcome is unknown, and sometimes when not.
    pub named_percent: u8,
    /// The share of writes that must be durable on two members before they are answered.
    pub concern_percent: u8,
    /// The share of operations that are preceded by one with a forged token.
    pub forged_percent: u8,
}

impl Load {
    pub fn draw(random: &mut ChaCha8Rng) -> Self {
        let sometimes = |random: &mut ChaCha8Rng, percent: u8| if random.random_bool(0.6) { percent } else { 0 };
        Self {
            sessions: random.random_range(6..=12),
            keys: random.random_range(10..=50),
            hot_percent: random.random_range(0..=60),
            think_ms: 20..=random.random_range(150..=300),
            burst_operations: sometimes(random, 12),
            put_percent: random.random_range(20..=50),
            delete_percent: sometimes(random, 12),
            hop_percent: random.random_range(10..=80),
            probe_percent: random.random_range(0..=70),
            named_percent: sometimes(random, 25),
            concern_percent: sometimes(random, 15),
            forged_percent: sometimes(random, 1),
        }
    }

    /// What clients do until a time, in order of time.
    pub fn operations(&self, streams: Streams, nodes: u16, until_ms: u64) -> Vec<Planned> {
        let mut all = Vec::new();
        for number in 0..self.sessions {
            let mut random = streams.numbered(Purpose::Workload, number.into());
            let node = any_node(&mut random, nodes);
            let mut session = Session { load: self, id: SessionId(number), nodes, node, random, burst: 0, saw: Saw::Nothing };
            let mut at_ms = session.pause_ms();
            while at_ms < until_ms {
                session.extend(at_ms, &mut all);
                at_ms += session.pause_ms();
            }
        }
        all.sort_by_key(|planned| (planned.at_ms, planned.session));
        for (planned, number) in all.iter_mut().zip(0..) {
            planned.op = OpId(number);
        }
        all
    }
}

/// What a session's last operation was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Saw {
    Nothing,
    Value,
}

struct Session<'a> {
    load: &'a Load,
    id: SessionId,
    nodes: u16,
    node: NodeId,
    random: ChaCha8Rng,
    burst: u8,
    saw: Saw,
}

impl Session<'_> {
    /// Until the next operation, an answer's time included.
    fn pause_ms(&mut self) -> u64 {
        if self.burst > 0 {
            self.burst -= 1;
            return ROUND_TRIP_MS;
        }
        if self.load.burst_operations > 0 && self.chance(3) {
            self.burst = self.load.burst_operations;
        }
        ROUND_TRIP_MS + self.random.random_range(self.load.think_ms.clone())
    }

    fn extend(&mut self, at_ms: u64, all: &mut Vec<Planned>) {
        if self.chance(self.load.hop_percent) {
            self.node = any_node(&mut self.random, self.nodes);
        }
        if self.chance(self.load.forged_percent) {
            let key = self.key();
            all.push(self.planned(at_ms, Action::Forge { key }));
        }
        let action = self.action();
        all.push(self.planned(at_ms, action));
    }

    fn planned(&self, at_ms: u64, action: Action) -> Planned {
        Planned { op: OpId(0), at_ms, session: self.id, node: self.node, action }
    }

    fn action(&mut self) -> Action {
        let probes = self.saw == Saw::Value && self.chance(self.load.probe_percent);
        self.saw = Saw::Nothing;
        let key = self.key();
        if probes {
            self.node = any_node(&mut self.random, self.nodes);
            self.saw = Saw::Value;
            return Action::Probe { key };
        }
        let dice = self.random.random_range(0..100);
        if dice < self.load.put_percent {
            let (retry, concern) = self.write();
            Action::Put { key, retry, concern }
        } else if dice < self.load.put_percent + self.load.delete_percent {
            let (retry, concern) = self.write();
            Action::Delete { key, retry, concern }
        } else {
            self.saw = Saw::Value;
            Action::Get { key }
        }
    }

    fn write(&mut self) -> (Retry, u8) {
        let retry = match (self.chance(self.load.named_percent), self.random.random_ratio(1, NEEDLESS_RETRY)) {
            (false, _) => Retry::Never,
            (true, false) => Retry::Unknown,
            (true, true) => Retry::Always,
        };
        (retry, if self.chance(self.load.concern_percent) { 2 } else { 1 })
    }

    fn key(&mut self) -> Key {
        let hot = self.chance(self.load.hot_percent);
        let number = self.random.random_range(0..if hot { 2 } else { self.load.keys });
        format!("k{number}").into()
    }

    fn chance(&mut self, percent: u8) -> bool {
        self.random.random_ratio(percent.min(100).into(), 100)
    }
}

fn any_node(random: &mut ChaCha8Rng, nodes: u16) -> NodeId {
    NodeId(random.random_range(0..u32::from(nodes)))
}
