//! What clients do: sessions that wander between nodes over few hot keys.
//!
//! Three habits make bugs show. Keys are few, so that what one session does another sees. Sessions *hop*: what was seen at one node
//! must hold at the next. And they *probe*: who has read a value reads next, at another node, a key that the value's writer had
//! touched before it wrote. That is the read that goes wrong when a dependency is lost.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use causeway::{id::NodeId, store::Key};
use rand::{RngExt, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use crate::{
    checker::answers::check_forged,
    client::NoAnswer,
    cluster::Cluster,
    history::{Invocation, Kind, OpId, Outcome, SessionId},
    plan::Load,
    referee::Referee,
    request::{KeyCall, forge, read},
    streams::{Purpose, Streams},
};

/// How often a named write is retried at most.
const RETRIES: usize = 2;
/// One in so many named writes is retried although it was answered.
const NEEDLESS_RETRY: u32 = 6;
/// Keys that a session remembers having touched.
const MEMORY: usize = 4;

/// What all sessions of a run share.
pub struct Workload {
    cluster: Arc<Cluster>,
    referee: Arc<Referee>,
    load: Load,
    /// What the session of a write had touched before it.
    before: Mutex<BTreeMap<OpId, Vec<Key>>>,
    tokens: Mutex<BTreeMap<SessionId, String>>,
}

struct Session {
    id: SessionId,
    node: NodeId,
    random: ChaCha8Rng,
    touched: Vec<Key>,
    /// What to read next.
    probe: Option<Key>,
    burst: u8,
}

impl Workload {
    /// A workload that has not begun.
    pub fn new(cluster: Arc<Cluster>, referee: Arc<Referee>, load: Load) -> Arc<Self> {
        Arc::new(Self { cluster, referee, load, before: Mutex::default(), tokens: Mutex::default() })
    }

    /// The keys that it uses.
    pub fn keys(load: &Load) -> impl Iterator<Item = Key> + use<> {
        (0..load.keys).map(|number| format!("k{number}").into())
    }

    /// Runs all sessions until a time, and returns once each has had its last answer.
    pub async fn run(self: Arc<Self>, streams: Streams, until_us: u64) {
        let nodes: Vec<NodeId> = self.cluster.nodes().collect();
        let tasks: Vec<_> = (0..self.load.sessions)
            .map(|number| {
                let mut random = streams.numbered(Purpose::Workload, number.into());
                let node = nodes[random.random_range(0..nodes.len())];
                let session = Session { id: SessionId(number), node, random, touched: Vec::new(), probe: None, burst: 0 };
                madsim::task::spawn(self.clone().session(session, until_us))
            })
            .collect();
        for task in tasks {
            // A session that panicked has taken the whole simulation down.
            let _ = task.await;
        }
    }

    /// The newest causal metadata of each session that has any.
    pub fn tokens(&self) -> BTreeMap<SessionId, String> {
        lock(&self.tokens).clone()
    }

    async fn session(self: Arc<Self>, mut session: Session, until_us: u64) {
        while self.cluster.world().now_us() < until_us {
            self.pause(&mut session).await;
            if session.chance(self.load.hop_percent) {
                session.node = self.any_node(&mut session.random);
            }
            if session.chance(self.load.forged_percent) {
                self.try_forged(&mut session).await;
            }
            self.operate(&mut session).await;
        }
    }

    async fn pause(&self, session: &mut Session) {
        if session.burst > 0 {
            session.burst -= 1;
            return;
        }
        if self.load.burst_operations > 0 && session.chance(3) {
            session.burst = self.load.burst_operations;
        }
        let think_us = session.random.random_range(self.load.think_us.clone());
        self.cluster.world().sleep_us(think_us).await;
    }

    async fn operate(&self, session: &mut Session) {
        let mut call = self.draw_call(session);
        let invocation = Invocation {
            session: session.id,
            node: session.node,
            key: call.key.clone(),
            kind: call.kind,
            idempotency: call.idempotency(),
            at_us: self.cluster.world().now_us(),
        };
        let op = self.referee.with(|judge| judge.invoke(invocation));
        call.value = op.value(self.load.value_bytes);
        if call.kind == Kind::Put {
            lock(&self.before).insert(op, session.touched.clone());
        }
        let mut outcome = self.attempt(session, op, &call).await;
        for _ in 0..RETRIES {
            let needless = outcome.is_acknowledged() && session.random.random_ratio(1, NEEDLESS_RETRY);
            if call.name.is_none() || !(outcome == Outcome::Unknown || needless) {
                break;
            }
            if session.random.random_bool(0.5) {
                session.node = self.any_node(&mut session.random);
            }
            call.token = lock(&self.tokens).get(&session.id).cloned();
            self.referee.with(|judge| judge.retry(op));
            outcome = self.attempt(session, op, &call).await;
        }
        if let Outcome::Found(write) = outcome {
            self.plan_probe(session, write);
        }
        session.touch(call.key);
    }

    /// Sends a call once. The session keeps the metadata that comes back.
    async fn attempt(&self, session: &Session, op: OpId, call: &KeyCall) -> Outcome {
        let answer = self.cluster.request(session.id.0.into(), session.node, call.request()).await;
        let at_us = self.cluster.world().now_us();
        match answer {
            Ok(response) => {
                let answer = read(&response);
                let outcome = self.referee.judge(|judge| judge.answered(op, &answer, at_us));
                if let Some(token) = answer.token {
                    lock(&self.tokens).insert(session.id, token);
                }
                outcome.unwrap_or(Outcome::Unknown)
            }
            Err(NoAnswer::Refused) => {
                self.referee.judge(|judge| judge.refused_connection(op, at_us));
                Outcome::NotApplied
            }
            Err(NoAnswer::Broken | NoAnswer::TimedOut) => {
                self.referee.with(|judge| judge.gave_up(op, at_us));
                Outcome::Unknown
            }
        }
    }

    fn draw_call(&self, session: &mut Session) -> KeyCall {
        let token = lock(&self.tokens).get(&session.id).cloned();
        if let Some(key) = session.probe.take() {
            session.node = self.any_node(&mut session.random);
            return KeyCall::get(key, token);
        }
        let hot = session.chance(self.load.hot_percent);
        let number = session.random.random_range(0..if hot { 2 } else { self.load.keys });
        let mut call = KeyCall::get(format!("k{number}").into(), token);
        let dice = session.random.random_range(0..100);
        let Load { put_percent, delete_percent, named_percent, concern_percent, .. } = self.load;
        if dice < put_percent {
            call.kind = Kind::Put;
        } else if dice < put_percent + delete_percent {
            call.kind = Kind::Delete;
        } else {
            return call;
        }
        let ambiguous =
            call.kind == Kind::Delete && self.referee.with(|judge| judge.books().nameless_delete(&call.key).is_some());
        if ambiguous || session.chance(named_percent) {
            call.name = Some(format!("{}-{}", session.id, session.random.random::<u64>()));
        }
        if session.chance(concern_percent) {
            call.write_concern = 2;
        }
        call
    }

    fn plan_probe(&self, session: &mut Session, write: OpId) {
        if session.chance(self.load.probe_percent) {
            let before = lock(&self.before);
            session.probe = before.get(&write).and_then(|keys| keys.choose(&mut session.random)).cloned();
        }
    }

    async fn try_forged(&self, session: &mut Session) {
        let Some(token) = lock(&self.tokens).get(&session.id).cloned() else { return };
        let forged = forge(&token, session.random.random_range(0..token.len()));
        let call = KeyCall::get("k0".into(), Some(forged));
        if let Ok(response) = self.cluster.request(session.id.0.into(), session.node, call.request()).await {
            self.referee.judge(|_| check_forged(&read(&response)));
        }
    }

    fn any_node(&self, random: &mut ChaCha8Rng) -> NodeId {
        NodeId(random.random_range(0..u32::from(self.cluster.plan().nodes)))
    }
}

impl Session {
    fn chance(&mut self, percent: u8) -> bool {
        self.random.random_ratio(percent.min(100).into(), 100)
    }

    fn touch(&mut self, key: Key) {
        if self.touched.len() == MEMORY {
            self.touched.remove(0);
        }
        self.touched.push(key);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
