//! A node among peers of which nothing is true.

use std::sync::Arc;

use causeway::{
    clock::{Dot, Hlc, Token},
    id::{ActorId, Epoch, Incarnation, Lsn, NodeId, RequestId},
    message::{Envelope, Message},
    node::{Command, Effect, Input, JournalCommand, JournalEvent, KeyRequest, Node, NodePlan, Now, Request, Settings},
    placement::{Config, Founding},
    store::{Marks, Record, Recovered, Value, Verdict, Write},
};

const WALL_MS: u64 = 1_700_000_000_000;
const TICK_US: u64 = 5_000;
/// Longer than any request may wait: see [`Settings::patience_ms`].
const PATIENCE_US: u64 = 3_000_000;

/// Node 0 of a shard of three that holds a few keys. The fourth node that it hears of does not exist.
pub struct Shard {
    node: Node,
    now: Now,
    replies: u64,
}

impl Default for Shard {
    fn default() -> Self {
        Self::new()
    }
}

impl Shard {
    /// The node has just started on a log that is whole.
    pub fn new() -> Self {
        let view = (1..=3).map(|i| format!("10.0.0.{i}:8090")).collect();
        let config = Arc::new(Config::found(&Founding { view, shard_count: 1 }).expect("one shard"));
        let (settings, incarnation) = (Settings::default(), Incarnation(100));
        let plan = NodePlan { config, me: NodeId(0), settings, incarnation, seed: 1, proposes: true, observed: true };
        let now = Now { monotonic_us: 1_000_000, wall_ms: WALL_MS };
        let mut shard = Self { node: Node::new(plan, now, recovered()), now, replies: 0 };
        shard.settle();
        for peer in [1, 2] {
            shard.say(NodeId(peer), Message::FoundingQuery);
        }
        shard
    }

    /// A peer says something. The process that says it is the one that is known, unless the message's own is odd.
    pub fn hear(&mut self, from: NodeId, envelope: Envelope) {
        let incarnation = if envelope.incarnation.0 % 2 == 0 { Incarnation(100 + u64::from(from.0)) } else { envelope.incarnation };
        self.node.handle(self.now, Input::Message { from, envelope: Envelope { incarnation, ..envelope } });
        self.settle();
        self.tick();
    }

    /// A client's request is answered, one way or the other.
    pub fn goes_on(&mut self) {
        let (before, until_us) = (self.replies, self.now.monotonic_us + PATIENCE_US);
        let request = Request::Key(KeyRequest { key: "key 1".into(), token: Token::default(), command: Command::Get });
        self.node.handle(self.now, Input::Request { id: RequestId(1), request });
        self.settle();
        while self.replies == before {
            assert!(self.now.monotonic_us < until_us, "no answer");
            self.tick();
        }
    }

    fn say(&mut self, from: NodeId, message: Message) {
        let envelope = Envelope { epoch: self.node.epoch(), incarnation: Incarnation(100), message };
        self.hear(from, envelope);
    }

    fn tick(&mut self) {
        self.now.monotonic_us += TICK_US;
        self.now.wall_ms += TICK_US / 1_000;
        self.node.handle(self.now, Input::Tick);
        self.settle();
    }

    /// The journal does at once what it is asked for; nobody hears what is sent.
    fn settle(&mut self) {
        loop {
            let effects = self.node.take_effects();
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                match effect {
                    Effect::Journal(command) => self.journal(command),
                    Effect::Reply { .. } => self.replies += 1,
                    Effect::Send { .. } | Effect::Observe(_) | Effect::Adopted(_) | Effect::Propose { .. } => {}
                }
            }
        }
    }

    fn journal(&mut self, command: JournalCommand) {
        let event = match command {
            JournalCommand::Append { lsn, .. } => JournalEvent::Durable(lsn),
            JournalCommand::Mark(marks) => JournalEvent::Marked { lease: marks.lease },
            JournalCommand::SnapshotBegin(_) => return,
            JournalCommand::SnapshotPart(_) => JournalEvent::SnapshotPartDone,
            JournalCommand::SnapshotEnd => JournalEvent::SnapshotDone,
            JournalCommand::SetAside(set) => JournalEvent::SetAside(set.actor),
        };
        self.node.handle(self.now, Input::Journal(event));
    }
}

fn recovered() -> Recovered {
    let write = |i: u64| Write {
        dot: Dot { actor: ActorId(i as u32 % 3), hlc: Hlc::from_millis(WALL_MS - 1_000 + i) },
        epoch: Epoch::default(),
        key: format!("key {i}").into(),
        value: Some(Value::json("1")),
        past: Token::default(),
        operation: None,
    };
    let records: Vec<Record> = (0..8).map(|i| Record::Write(Arc::new(write(i)))).collect();
    let marks = Marks { lease: Hlc::from_millis(WALL_MS - 500), may_write: true, ..Marks::default() };
    let last = Lsn(records.len() as u64);
    Recovered { records, marks: Some(marks), last, verdict: Verdict::Complete, ..Recovered::default() }
}
