//! A node's operations, from input to effects. The journal answers at once and frames arrive at once.

use std::sync::Arc;

use causeway::{
    clock::Token,
    id::{Incarnation, NodeId, RequestId},
    message::Envelope,
    node::{Command, Effect, Input, JournalCommand, JournalEvent, KeyRequest, Node, NodePlan, Now, Request, Settings},
    placement::{Config, Founding},
    store::{Record, Recovered, Value, Verdict},
};
use divan::{Bencher, counter::ItemsCount};

use crate::values::{WALL_MS, keys};

const VALUE: &[u8] = &[b'7'; 100];
const RECOVERED: usize = 10_000;

/// Nodes of one shard, and their logs.
struct Shard {
    nodes: Vec<Node>,
    logs: Vec<Vec<Record>>,
    now: Now,
    next_request: u64,
}

impl Shard {
    fn new(nodes: u32) -> Self {
        let now = Now { monotonic_us: 1_000_000, wall_ms: WALL_MS };
        let started = (0..nodes).map(|node| Node::new(plan(nodes, node), now, Recovered::default())).collect();
        let mut shard = Self { nodes: started, logs: vec![Vec::new(); nodes as usize], now, next_request: 0 };
        // Founding, first heartbeats, first promises.
        (0..1_000).for_each(|_| shard.tick());
        shard
    }

    fn tick(&mut self) {
        self.now.monotonic_us += 1_000;
        self.now.wall_ms += 1;
        for node in 0..self.nodes.len() {
            self.nodes[node].handle(self.now, Input::Tick);
            self.settle(node);
        }
    }

    /// A request at a node, with all that follows from it everywhere.
    fn ask(&mut self, node: usize, key: &str, command: Command) {
        let request = Request::Key(KeyRequest { key: key.into(), token: Token::default(), command });
        self.next_request += 1;
        let id = RequestId(self.next_request);
        self.nodes[node].handle(self.now, Input::Request { id, request });
        self.settle(node);
    }

    fn settle(&mut self, first: usize) {
        let mut turn = vec![first];
        while let Some(node) = turn.pop() {
            let effects = self.nodes[node].take_effects();
            if !effects.is_empty() {
                turn.push(node);
            }
            for effect in effects {
                match effect {
                    Effect::Send { to, message } => {
                        let (from, to) = (NodeId(node as u32), to.0 as usize);
                        let envelope = Envelope { epoch: self.nodes[to].epoch(), incarnation: incarnation(from.0), message };
                        self.nodes[to].handle(self.now, Input::Message { from, envelope });
                        turn.push(to);
                    }
                    Effect::Journal(command) => self.journal(node, command),
                    Effect::Reply { .. } | Effect::Observe(_) | Effect::Adopted(_) | Effect::Propose { .. } => {}
                }
            }
        }
    }

    fn journal(&mut self, node: usize, command: JournalCommand) {
        let event = match command {
            JournalCommand::Append { lsn, record } => {
                self.logs[node].push(record);
                JournalEvent::Durable(lsn)
            }
            JournalCommand::Mark(marks) => JournalEvent::Marked { lease: marks.lease },
            JournalCommand::SnapshotBegin(_) => return,
            JournalCommand::SnapshotPart(_) => JournalEvent::SnapshotPartDone,
            JournalCommand::SnapshotEnd => JournalEvent::SnapshotDone,
            JournalCommand::SetAside(set) => JournalEvent::SetAside(set.actor),
        };
        self.nodes[node].handle(self.now, Input::Journal(event));
    }
}

fn plan(nodes: u32, node: u32) -> NodePlan {
    let view = (0..nodes).map(|i| format!("10.0.0.{}:8090", i + 1)).collect();
    let config = Arc::new(Config::found(&Founding { view, shard_count: 1 }).expect("one shard"));
    let settings = Settings::default();
    let incarnation = incarnation(node);
    NodePlan { config, me: NodeId(node), settings, incarnation, seed: node.into(), proposes: false, observed: false }
}

fn incarnation(node: u32) -> Incarnation {
    Incarnation(u64::from(node) + 100)
}

fn put() -> Command {
    Command::Write { value: Some(Value::json(VALUE)), operation: None, write_concern: 1 }
}

/// At a shard of one: log, apply, answer.
#[divan::bench]
fn put_alone(bencher: Bencher) {
    let (mut shard, keys) = (Shard::new(1), keys());
    let mut next = keys.iter().cycle();
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| next.next().map(|key| shard.ask(0, key, put())));
}

/// At a shard of three: beside that two pushes, two more logs, two acknowledgements. All three nodes' work is counted.
#[divan::bench]
fn put_and_replicate_to_two(bencher: Bencher) {
    let (mut shard, keys) = (Shard::new(3), keys());
    let mut next = keys.iter().cycle();
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| next.next().map(|key| shard.ask(0, key, put())));
}

#[divan::bench]
fn get(bencher: Bencher) {
    let (mut shard, keys) = (Shard::new(1), keys());
    keys.iter().for_each(|key| shard.ask(0, key, put()));
    let mut next = keys.iter().cycle();
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| next.next().map(|key| shard.ask(0, key, Command::Get)));
}

/// From the records of a log to a node that serves, a record an item.
#[divan::bench(sample_count = 20)]
fn recover(bencher: Bencher) {
    let (mut shard, keys) = (Shard::new(1), keys());
    keys.iter().cycle().take(RECOVERED).for_each(|key| shard.ask(0, key, put()));
    let records = shard.logs.swap_remove(0);
    let recovered = || Recovered { records: records.clone(), verdict: Verdict::Complete, ..Recovered::default() };
    let now = shard.now;
    let bencher = bencher.counter(ItemsCount::new(records.len()));
    bencher.with_inputs(|| (plan(1, 0), recovered())).bench_local_values(|(plan, recovered)| Node::new(plan, now, recovered));
}
