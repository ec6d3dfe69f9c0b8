//! Does what a plan says that clients do: sessions, each one operation after another.
//!
//! What a plan cannot know is drawn for each operation from a stream of its own: where a retry goes, which of several keys a probe
//! reads.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use causeway::{id::NodeId, store::Key};
use rand::{RngExt, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use crate::{
    client::NoAnswer,
    cluster::Cluster,
    history::{Invocation, Kind, OpId, Outcome, SessionId},
    marks::{Sight, seen},
    plan::{Action, Plan, Planned, Retry},
    referee::Referee,
    request::{KeyCall, forge, read},
    streams::{Purpose, Streams},
};

/// How often a write is sent again at most.
const RETRIES: usize = 2;
/// Keys that a session remembers having touched.
const MEMORY: usize = 4;

/// What all sessions of a run share.
pub struct Workload {
    cluster: Arc<Cluster>,
    referee: Arc<Referee>,
    value_bytes: usize,
    streams: Streams,
    /// What the session of a write had touched before it.
    before: Mutex<BTreeMap<OpId, Vec<Key>>>,
    tokens: Mutex<BTreeMap<SessionId, String>>,
    probed: Mutex<BTreeMap<OpId, Key>>,
}

struct Session {
    id: SessionId,
    touched: Vec<Key>,
    /// The write whose value the last operation saw.
    saw: Option<OpId>,
}

impl Workload {
    /// A workload that has not begun.
    pub fn new(cluster: Arc<Cluster>, referee: Arc<Referee>, plan: &Plan, streams: Streams) -> Arc<Self> {
        Arc::new(Self {
            cluster,
            referee,
            value_bytes: plan.value_bytes,
            streams,
            before: Mutex::default(),
            tokens: Mutex::default(),
            probed: Mutex::default(),
        })
    }

    /// Does all operations, and returns once each session has had its last answer. An operation whose turn has not come when the
    /// time is over is left out.
    pub async fn run(self: Arc<Self>, plan: Arc<Plan>, until_us: u64) {
        let origin_us = self.cluster.world().now_us();
        let mut sessions: BTreeMap<SessionId, Vec<Planned>> = BTreeMap::new();
        for planned in &plan.operations {
            sessions.entry(planned.session).or_default().push(planned.clone());
        }
        let tasks: Vec<_> = sessions
            .into_iter()
            .map(|(id, operations)| {
                let session = Session { id, touched: Vec::new(), saw: None };
                madsim::task::spawn(self.clone().session(session, operations, origin_us..until_us))
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

    /// What each probe read.
    pub fn probed(&self) -> BTreeMap<OpId, Key> {
        lock(&self.probed).clone()
    }

    async fn session(self: Arc<Self>, mut session: Session, operations: Vec<Planned>, span_us: std::ops::Range<u64>) {
        let world = self.cluster.world();
        for planned in operations {
            let at_us = span_us.start + planned.at_ms * 1_000;
            world.sleep_us(at_us.saturating_sub(world.now_us())).await;
            if world.now_us() >= span_us.end {
                return seen(Sight::LeftOver);
            }
            match planned.action {
                Action::Forge { key } => self.try_forged(planned.session, planned.node, planned.op, key).await,
                _ => self.operate(&mut session, planned).await,
            }
        }
    }

    async fn operate(&self, session: &mut Session, planned: Planned) {
        let mut random = self.streams.at(self.cluster.world().now_us()).numbered(Purpose::Operation, planned.op.0);
        let (op, mut node) = (planned.op, planned.node);
        let (mut call, retry) = self.call(session, planned, &mut random);
        let invocation = Invocation {
            session: session.id,
            node,
            key: call.key.clone(),
            kind: call.kind,
            idempotency: call.idempotency(),
            at_us: self.cluster.world().now_us(),
        };
        self.referee.tell(|judge| {
            judge.invoke_as(op, invocation);
            judge.require(op, call.write_concern);
        });
        if call.kind == Kind::Put {
            lock(&self.before).insert(op, session.touched.clone());
        }
        let mut outcome = self.attempt(session.id, node, op, &call).await;
        for _ in 0..RETRIES {
            let again = retry == Retry::Always && outcome.is_acknowledged();
            if retry == Retry::Never || !(again || outcome == Outcome::Unknown) {
                break;
            }
            if random.random_bool(0.5) {
                node = NodeId(random.random_range(0..u32::from(self.cluster.plan().nodes)));
                seen(Sight::RetriedElsewhere);
            }
            call.token = lock(&self.tokens).get(&session.id).cloned();
            self.referee.tell(|judge| judge.retry(op));
            outcome = self.attempt(session.id, node, op, &call).await;
        }
        session.saw = if let Outcome::Found(write) = outcome { Some(write) } else { None };
        session.touch(call.key);
    }

    /// Sends a call once. The session keeps the metadata that comes back.
    async fn attempt(&self, session: SessionId, node: NodeId, op: OpId, call: &KeyCall) -> Outcome {
        let answer = self.cluster.request(session.0.into(), node, call.request()).await;
        let at_us = self.cluster.world().now_us();
        match answer {
            Ok(response) => {
                let answer = read(&response);
                let outcome = self.referee.outcome(|judge| judge.answered(op, &answer, at_us));
                if let Some(token) = answer.token {
                    lock(&self.tokens).insert(session, token);
                }
                outcome
            }
            Err(NoAnswer::Refused) => {
                self.referee.judge(|judge| judge.refused_connection(op, at_us));
                Outcome::NotApplied
            }
            Err(NoAnswer::Broken | NoAnswer::TimedOut) => {
                self.referee.tell(|judge| judge.gave_up(op, at_us));
                Outcome::Unknown
            }
        }
    }

    fn call(&self, session: &Session, planned: Planned, random: &mut ChaCha8Rng) -> (KeyCall, Retry) {
        let token = lock(&self.tokens).get(&session.id).cloned();
        let (op, key) = (planned.op, planned.action.key().clone());
        let (kind, retry, concern) = match planned.action {
            Action::Get { .. } | Action::Forge { .. } => return (KeyCall::get(key, token), Retry::Never),
            Action::Probe { .. } => {
                let touched = session.saw.and_then(|write| self.touched_before(write, random));
                touched.iter().for_each(|_| seen(Sight::ProbeFollowed));
                let key = touched.unwrap_or(key);
                lock(&self.probed).insert(op, key.clone());
                return (KeyCall::get(key, token), Retry::Never);
            }
            Action::Put { retry, concern, .. } => (Kind::Put, retry, concern),
            Action::Delete { retry, concern, .. } => (Kind::Delete, retry, concern),
        };
        let mut call = KeyCall { kind, write_concern: concern, ..KeyCall::get(key, token) };
        if kind == Kind::Put {
            call.value = op.value(self.value_bytes);
        }
        // Of two deletes of a key under way, one needs a name to be told from the other.
        let is_ambiguous = kind == Kind::Delete && self.referee.ask(|judge| judge.books().nameless_delete(&call.key).is_some());
        if retry != Retry::Never || is_ambiguous {
            call.name = Some(format!("{}-{}", session.id, op.0));
        }
        (call, retry)
    }

    fn touched_before(&self, write: OpId, random: &mut ChaCha8Rng) -> Option<Key> {
        lock(&self.before).get(&write).and_then(|keys| keys.choose(random)).cloned()
    }

    async fn try_forged(&self, session: SessionId, node: NodeId, op: OpId, key: Key) {
        let Some(token) = lock(&self.tokens).get(&session).cloned() else { return };
        let place =
            self.streams.at(self.cluster.world().now_us()).numbered(Purpose::Operation, op.0).random_range(0..token.len());
        let call = KeyCall::get(key, Some(forge(&token, place)));
        if let Ok(response) = self.cluster.request(session.0.into(), node, call.request()).await {
            self.referee.judge(|judge| judge.answered_forged(&read(&response)));
        }
    }
}

impl Session {
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
