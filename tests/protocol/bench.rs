//! Nodes as plain values, a network that delivers at once or not at all, a journal that is durable when told, and a config log that is
//! a single register. Effects are values, so nothing here waits for time to pass.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use causeway::{
    clock::Token,
    error::Refusal,
    id::{Epoch, Incarnation, NodeId, RequestId},
    message::{Envelope, Message},
    node::{
        AdminCommand, Answer, Command, Effect, Input, JournalCommand, JournalEvent, KeyAnswer, KeyRequest, Node, NodePlan,
        NotChanged, Now, Outcome, Reply, Request, Settings,
    },
    placement::{Change, Config, Founding, Stage},
    store::{Key, Marks, OperationId, Recovered, Value, Version},
};

/// Nodes, and what is on its way between them.
pub struct Bench {
    pub nodes: Vec<Node>,
    pub now: Now,
    pub cut: BTreeSet<(NodeId, NodeId)>,
    /// What was given in transfers: when, by whom, and the bytes of keys and values.
    pub given: Vec<(u64, NodeId, u64)>,
    /// Whether the config log has lost its majority: proposals get no answer.
    pub log_is_down: bool,
    /// Whether the answer to a proposal that was made gets lost.
    pub log_is_mute: bool,
    /// Whose memory spoils the values of records that are pushed to it.
    pub spoils: Option<NodeId>,
    /// Who gets no part of any transfer.
    pub starves: Option<NodeId>,
    pub replies: Vec<(NodeId, RequestId, Reply)>,
    /// Whose disks have no room for what is to be set aside.
    pub full: BTreeSet<usize>,
    /// The last marks of each node.
    pub marks: BTreeMap<usize, Marks>,
    /// The config log: every config so far.
    pub configs: Vec<Arc<Config>>,
    settings: Settings,
    next_request: u64,
    /// How many processes were started anew.
    processes: u64,
    /// Those of nodes that were.
    incarnations: BTreeMap<u32, Incarnation>,
}

impl Bench {
    pub fn new(nodes: usize, shard_count: u16, settings: &Settings) -> Self {
        let view = (0..nodes).map(|i| format!("10.0.0.{}:8090", i + 1)).collect();
        let config = Arc::new(Config::found(&Founding { view, shard_count }).expect("a config"));
        let now = Now { monotonic_us: 1_000_000, wall_ms: 1_700_000_000_000 };
        let mut bench = Self {
            nodes: Vec::new(),
            now,
            cut: BTreeSet::new(),
            given: Vec::new(),
            log_is_down: false,
            log_is_mute: false,
            spoils: None,
            starves: None,
            replies: Vec::new(),
            full: BTreeSet::new(),
            marks: BTreeMap::new(),
            configs: vec![config],
            settings: settings.clone(),
            next_request: 0,
            processes: 0,
            incarnations: BTreeMap::new(),
        };
        (0..nodes as u32).for_each(|i| bench.nodes.push(bench.node(i, Recovered::default())));
        bench.run_ms(1_000);
        bench
    }

    fn node(&self, i: u32, recovered: Recovered) -> Node {
        Node::new(self.plan(i), self.now, recovered)
    }

    fn plan(&self, i: u32) -> NodePlan {
        let (config, incarnation) = (self.config(), self.incarnation(i));
        let (settings, seed) = (self.settings.clone(), u64::from(i));
        NodePlan { config, me: NodeId(i), settings, incarnation, seed, proposes: true, observed: false }
    }

    fn incarnation(&self, i: u32) -> Incarnation {
        self.incarnations.get(&i).copied().unwrap_or(Incarnation(u64::from(i) + 100))
    }

    /// Starts nodes that the config has and that do not run yet.
    pub fn start_new_nodes(&mut self) {
        let rows = self.config().members().len();
        (self.nodes.len()..rows).for_each(|i| self.nodes.push(self.node(i as u32, Recovered::default())));
    }

    /// A node's disk is lost, and another process of it starts with the variables of the first start.
    pub fn wipe(&mut self, node: u32) {
        self.restart_with_variables(node, Recovered::default());
    }

    /// A process of a node starts with the variables of the first start, and what it finds on its disk.
    pub fn restart_with_variables(&mut self, node: u32, recovered: Recovered) {
        self.processes += 1;
        let incarnation = Incarnation(1_000 * self.processes + u64::from(node));
        let plan = NodePlan { config: self.configs[0].clone(), incarnation, ..self.plan(node) };
        self.incarnations.insert(node, incarnation);
        self.nodes[node as usize] = Node::new(plan, self.now, recovered);
    }

    /// A process of a node starts, in the newest config, with what it finds on its disk.
    pub fn restart(&mut self, node: u32, recovered: Recovered) {
        self.processes += 1;
        self.incarnations.insert(node, Incarnation(1_000 * self.processes + u64::from(node)));
        self.nodes[node as usize] = self.node(node, recovered);
    }

    /// The newest config.
    pub fn config(&self) -> Arc<Config> {
        self.configs.last().expect("there is always a config").clone()
    }

    /// What the config log does with a proposal. Who reaches nobody does not reach it either.
    fn propose(&mut self, i: usize, number: u64, expected: Epoch, change: &Change) {
        let is_cut_off = |other: usize| other == i || self.cut.contains(&(NodeId(i as u32), NodeId(other as u32)));
        if self.log_is_down || (0..self.nodes.len()).all(is_cut_off) {
            return;
        }
        let current = self.config();
        let next = if current.epoch() == expected {
            current.changed(change).map_err(NotChanged::Refused)
        } else {
            Err(NotChanged::Conflict { current: current.epoch() })
        };
        let outcome = next.as_ref().map(|next| next.epoch()).map_err(|why| *why);
        if let Ok(next) = next {
            self.configs.push(Arc::new(next));
        }
        let newest = self.config();
        if outcome.is_err() || !self.log_is_mute {
            self.nodes[i].handle(self.now, Input::Proposed { number, outcome });
        }
        self.nodes[i].handle(self.now, Input::Config(newest));
    }

    /// Lets time pass in steps of a millisecond; messages take no time.
    pub fn run_ms(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now.monotonic_us += 1_000;
            self.now.wall_ms += 1;
            for i in 0..self.nodes.len() {
                if self.nodes[i].deadline_us() <= self.now.monotonic_us {
                    self.nodes[i].handle(self.now, Input::Tick);
                }
                self.settle(i);
            }
        }
    }

    /// Lets time pass until something holds.
    pub fn until(&mut self, holds: impl Fn(&Self) -> bool) {
        for _ in 0..10_000 {
            if holds(self) {
                return;
            }
            self.run_ms(1);
        }
        panic!("it never holds: {:?}", self.config());
    }

    pub fn until_stage(&mut self, stage: Stage) {
        self.until(|bench| bench.config().stage() == stage);
    }

    pub fn settle(&mut self, first: usize) {
        let mut turn = vec![first];
        while let Some(i) = turn.pop() {
            let effects = self.nodes[i].take_effects();
            if effects.is_empty() {
                continue;
            }
            turn.push(i);
            for effect in effects {
                match effect {
                    Effect::Send { to, message } => self.deliver(NodeId(i as u32), to, message, &mut turn),
                    Effect::Reply { id, reply } => self.replies.push((NodeId(i as u32), id, reply)),
                    Effect::Journal(command) => self.journal(i, command),
                    Effect::Propose { number, expected, change } => self.propose(i, number, expected, &change),
                    Effect::Adopted(_) | Effect::Observe(_) => {}
                }
            }
        }
    }

    pub fn deliver(&mut self, from: NodeId, to: NodeId, mut message: Message, turn: &mut Vec<usize>) {
        let is_kept_back = self.starves == Some(to) && matches!(message, Message::SnapshotPart(_));
        if self.cut.contains(&(from, to)) || is_kept_back {
            return;
        }
        if let (true, Message::Push(push)) = (self.spoils == Some(to), &mut message) {
            push.writes.iter_mut().for_each(|write| Arc::make_mut(write).value = Some(Value::json("0")));
        }
        if let Message::SnapshotPart(part) = &message {
            self.given.push((self.now.monotonic_us, from, contents(&part.entries)));
        }
        if self.nodes.len() <= to.0 as usize {
            return;
        }
        let epoch = self.nodes[from.0 as usize].epoch();
        let envelope = Envelope { epoch, incarnation: self.incarnation(from.0), message };
        self.nodes[to.0 as usize].handle(self.now, Input::Message { from, envelope });
        turn.push(to.0 as usize);
    }

    fn journal(&mut self, i: usize, command: JournalCommand) {
        let event = match command {
            JournalCommand::Append { lsn, .. } => JournalEvent::Durable(lsn),
            JournalCommand::Mark(marks) => {
                let lease = marks.lease;
                self.marks.insert(i, marks);
                JournalEvent::Marked { lease }
            }
            JournalCommand::SnapshotBegin(_) => return,
            JournalCommand::SnapshotPart(_) => JournalEvent::SnapshotPartDone,
            JournalCommand::SnapshotEnd => JournalEvent::SnapshotDone,
            JournalCommand::SetAside(set) if self.full.contains(&i) => JournalEvent::NotSetAside(set.actor),
            JournalCommand::SetAside(set) => JournalEvent::SetAside(set.actor),
        };
        self.nodes[i].handle(self.now, Input::Journal(event));
    }

    pub fn cut(&mut self, node: u32) {
        for other in 0..self.nodes.len() as u32 {
            self.cut.insert((NodeId(node), NodeId(other)));
            self.cut.insert((NodeId(other), NodeId(node)));
        }
    }

    /// Asks a node and does not wait.
    pub fn begin(&mut self, node: u32, request: Request) -> RequestId {
        let id = RequestId(self.next_request);
        self.next_request += 1;
        self.nodes[node as usize].handle(self.now, Input::Request { id, request });
        self.settle(node as usize);
        id
    }

    /// The answer to a request, if there is one by now.
    pub fn answer(&mut self, id: RequestId) -> Option<Reply> {
        let place = self.replies.iter().position(|(_, answered, _)| *answered == id)?;
        Some(self.replies.swap_remove(place).2)
    }

    /// Asks a node and lets up to `ms` pass until it answers.
    pub fn ask(&mut self, node: u32, request: Request, ms: u64) -> Option<Reply> {
        let id = self.begin(node, request);
        for _ in 0..=ms {
            let reply = self.answer(id);
            if reply.is_some() {
                return reply;
            }
            self.run_ms(1);
        }
        None
    }

    pub fn key(&mut self, node: u32, key: &str, token: &Token, command: Command) -> Result<KeyAnswer, Refusal> {
        let request = KeyRequest { key: key.into(), token: token.clone(), command };
        match self.ask(node, Request::Key(request), 2_000).expect("every request is answered") {
            Ok(Answer::Key(answer)) => Ok(answer),
            Ok(other) => panic!("{other:?} for a key"),
            Err(refusal) => Err(refusal),
        }
    }

    /// Asks for a change of the config and lets up to ten seconds pass.
    pub fn admin(&mut self, node: u32, command: AdminCommand) -> Reply {
        self.ask(node, Request::Admin(command), 10_000).expect("every request is answered")
    }

    pub fn get(&mut self, node: u32, key: &str, token: &Token) -> Result<KeyAnswer, Refusal> {
        self.key(node, key, token, Command::Get)
    }

    pub fn put(&mut self, node: u32, key: &str, value: &str, token: &Token) -> Result<KeyAnswer, Refusal> {
        self.key(node, key, token, put(value, 1, None))
    }
}

fn contents(entries: &[(Key, Vec<Version>)]) -> u64 {
    let value = |version: &Version| version.value.as_ref().map_or(0, |value| value.bytes.len());
    let bytes = entries.iter().map(|(key, versions)| key.len() + versions.iter().map(value).sum::<usize>());
    bytes.sum::<usize>() as u64
}

pub fn put(value: &str, write_concern: u8, operation: Option<OperationId>) -> Command {
    Command::Write { value: Some(Value::json(value.to_owned())), operation, write_concern }
}

pub fn delete() -> Command {
    Command::Write { value: None, operation: None, write_concern: 1 }
}

pub fn found(value: &str) -> Outcome {
    Outcome::Found(Value::json(value.to_owned()))
}
