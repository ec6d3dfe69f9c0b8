//! The load of a run: sessions side by side, and what they share.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use causeway::{clock::TokenKeys, placement::Config, store::Key};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use tokio::task::JoinHandle;

use super::{pace::Pace, session::Session};
use crate::{
    checker::{Judge, Violation},
    history::{Operation, Outcome, SessionId},
};

/// What sessions do with the tokens that they are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tokens {
    /// Send back the newest.
    Carried,
    /// Throw them away: then nothing keeps causal order.
    Dropped,
}

/// How much is asked, and how.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// What everything is drawn from.
    pub seed: u64,
    /// How many sessions there are.
    pub sessions: u16,
    /// What they do with their tokens.
    pub tokens: Tokens,
    /// How long they go on, if nobody ends the run before.
    pub span: Duration,
    /// How long a session rests after each operation.
    pub rest: Duration,
}

/// What all sessions of a run share.
pub struct Run {
    /// What sessions do with their tokens.
    pub tokens: Tokens,
    /// Where to ask.
    pub addresses: Vec<String>,
    /// How long a session rests after each operation.
    pub rest: Duration,
    /// The start of the run's time.
    pub began: Instant,
    /// How long every request took.
    pub pace: Pace,
    seed: u64,
    sessions: u16,
    /// Judges every answer as it comes.
    judge: Mutex<Judge>,
    /// Every key that was ever written.
    keys: Mutex<BTreeSet<Key>>,
    /// The first violation; everything ends then.
    violation: Mutex<Option<Violation>>,
    /// When sessions begin nothing new.
    until: Mutex<Instant>,
}

impl Run {
    /// A run that begins now, on nodes of this config at these addresses.
    pub fn new(config: &Config, addresses: Vec<String>, load: Load) -> Arc<Self> {
        let began = Instant::now();
        let Load { seed, sessions, tokens, span, rest } = load;
        let mut judge = Judge::new(config, sessions.into(), TokenKeys::default().of_cluster(config.cluster()));
        // From outside nobody hears which config a process works by.
        judge.ignore("epoch_gate");
        Arc::new(Self {
            tokens,
            addresses,
            rest,
            began,
            pace: Pace::default(),
            seed,
            sessions,
            judge: Mutex::new(judge),
            keys: Mutex::default(),
            violation: Mutex::default(),
            until: Mutex::new(began + span),
        })
    }

    /// Keeps the whole history from now on, for whoever explains a failure.
    pub fn archive(&self) {
        lock(&self.judge).archive();
    }

    /// Whether operations may still begin.
    pub fn goes_on(&self) -> bool {
        Instant::now() < *lock(&self.until) && lock(&self.violation).is_none()
    }

    /// Ends the run's time.
    pub fn end(&self) {
        *lock(&self.until) = Instant::now();
    }

    /// Keeps a violation, if it is the first. The run ends.
    pub fn blow(&self, violation: Violation) {
        lock(&self.violation).get_or_insert(violation);
    }

    /// The first violation, if there is one.
    pub fn violation(&self) -> Option<Violation> {
        lock(&self.violation).clone()
    }

    /// Microseconds since the run began.
    pub fn at_us(&self) -> u64 {
        self.began.elapsed().as_micros() as u64
    }

    /// Tells the judge something, and when.
    pub fn judge<T>(&self, say: impl FnOnce(&mut Judge, u64) -> T) -> T {
        // Under the lock, so that what is told later is not told of an earlier time.
        let mut judge = lock(&self.judge);
        let at_us = self.at_us();
        say(&mut judge, at_us)
    }

    /// Every key that was ever written.
    pub fn keys(&self) -> Vec<Key> {
        lock(&self.keys).iter().cloned().collect()
    }

    /// A key is about to be written.
    pub fn note_key(&self, key: &Key) {
        lock(&self.keys).insert(key.clone());
    }

    /// All operations, if they were [archived](Self::archive).
    pub fn history(&self) -> Vec<Operation> {
        lock(&self.judge).books().history().whole().into_iter().cloned().collect()
    }
}

/// How many answers there were of each kind.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    /// Reads, and deletes of nothing.
    pub seen: u32,
    /// Writes that were acknowledged.
    pub acknowledged: u32,
    /// Operations that certainly did not happen.
    pub refused: u32,
    /// Operations that may have happened.
    pub unknown: u32,
}

impl Tally {
    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            seen: self.seen + other.seen,
            acknowledged: self.acknowledged + other.acknowledged,
            refused: self.refused + other.refused,
            unknown: self.unknown + other.unknown,
        }
    }

    pub(super) fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Found(_) | Outcome::Absent => self.seen += 1,
            Outcome::Created | Outcome::Overwrote => self.acknowledged += 1,
            Outcome::NotApplied => self.refused += 1,
            Outcome::Unknown | Outcome::Pending => self.unknown += 1,
        }
    }
}

/// Load, until the run's time is over or something is wrong.
pub fn begin(run: &Arc<Run>) -> Vec<JoinHandle<Tally>> {
    let session = |id: u16| tokio::spawn(Session::new(run.clone(), SessionId(id), random(run.seed, id.into())).work());
    (0..run.sessions).map(session).collect()
}

/// What all sessions together were told.
///
/// # Panics
/// When a session does.
pub async fn end(sessions: Vec<JoinHandle<Tally>>) -> Tally {
    let mut tally = Tally::default();
    for session in sessions {
        tally = tally.plus(session.await.expect("a session does not panic"));
    }
    tally
}

/// One stream of chance of many that a seed has.
pub fn random(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(stream);
    random
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
