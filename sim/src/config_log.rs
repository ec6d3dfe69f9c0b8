//! The config log of a simulated cluster: one register that all nodes share.
//!
//! A node reaches it only while it can exchange frames with a majority of the nodes of the newest config: both are up, and no link
//! between them is cut or held. A proposal takes some milliseconds there and back. It counts, or not, at one moment; its answer may be
//! lost after that. A node on its way to a newer config hears of it when it looks.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use causeway::{
    id::{Epoch, NodeId},
    node::NotChanged,
    placement::{Change, Config},
    runtime::{Changes, Env, Proposal},
};
use tokio::sync::mpsc;

use crate::{
    streams::{Moment, Purpose, Streams},
    trace::Entry,
    world::{Flow, SimEnv, World},
};

/// How long a way to the register and back takes, each, in microseconds.
const WAY_US: std::ops::RangeInclusive<u64> = 1_000..=15_000;
/// The probability that the answer to a proposal is lost although a majority was reached.
const ANSWER_LOST: f64 = 0.05;
/// Between two tries of a proposal that reaches no majority.
const TRY_AGAIN_US: u64 = 100_000;
/// After so many tries its outcome is unknown.
const TRIES: u64 = 10;
/// Between two looks for a newer config.
const LOOK_US: u64 = 50_000;

/// See the module.
pub struct ConfigLog {
    world: Arc<World>,
    streams: Streams,
    state: Mutex<State>,
}

struct State {
    /// The newest is the last one.
    configs: Vec<Arc<Config>>,
    moments: BTreeMap<NodeId, Moment>,
    /// When a node was last left without an answer.
    doubts: BTreeMap<NodeId, u64>,
}

impl State {
    fn newest(&self) -> &Arc<Config> {
        self.configs.last().expect("there is always one")
    }
}

impl ConfigLog {
    /// A register that holds the first config.
    pub fn new(world: Arc<World>, streams: Streams, first: Arc<Config>) -> Arc<Self> {
        let state = State { configs: vec![first], moments: BTreeMap::new(), doubts: BTreeMap::new() };
        Arc::new(Self { world, streams, state: Mutex::new(state) })
    }

    /// The newest config.
    pub fn current(&self) -> Arc<Config> {
        self.state().newest().clone()
    }

    /// All configs from this epoch on.
    pub fn since(&self, epoch: Epoch) -> Vec<Arc<Config>> {
        self.state().configs.iter().filter(|config| config.epoch() >= epoch).cloned().collect()
    }

    /// Whether a proposal of this node was left without an answer after this time.
    pub fn left_in_doubt(&self, node: NodeId, at_us: u64) -> bool {
        self.state().doubts.get(&node).is_some_and(|doubt_us| *doubt_us >= at_us)
    }

    /// A node's way to the register, for as long as its process lives.
    pub fn attach(self: &Arc<Self>, env: &SimEnv) -> Changes {
        let (proposals, mut proposed) = mpsc::unbounded_channel::<Proposal>();
        let (news, configs) = mpsc::unbounded_channel();
        let (log, node) = (self.clone(), env.node());
        let teller = news.clone();
        env.spawn(async move {
            while let Some(Proposal { expected, change, outcome }) = proposed.recv().await {
                let made = log.propose(node, expected, &change).await;
                if made == Err(NotChanged::Unknown) {
                    log.state().doubts.insert(node, log.world.now_us());
                }
                if made.is_ok() || matches!(made, Err(NotChanged::Conflict { .. })) {
                    let _ = teller.send(log.current());
                }
                // A node that gave up waiting needs no outcome.
                let _ = outcome.send(made);
            }
        });
        let log = self.clone();
        env.spawn(async move {
            let mut told = Epoch::default();
            loop {
                log.world.sleep_us(LOOK_US).await;
                let current = log.current();
                if current.epoch() > told && log.reaches_majority(node) {
                    told = current.epoch();
                    if news.send(current).is_err() {
                        return;
                    }
                }
            }
        });
        Changes { proposals, configs, frames: None }
    }

    async fn propose(&self, node: NodeId, expected: Epoch, change: &Change) -> Result<Epoch, NotChanged> {
        for _ in 0..TRIES {
            let (there_us, back_us, is_lost) = self.draw(node);
            self.world.sleep_us(there_us).await;
            if !self.reaches_majority(node) {
                self.world.sleep_us(TRY_AGAIN_US).await;
                continue;
            }
            let made = self.commit(node, expected, change);
            self.world.sleep_us(back_us).await;
            if is_lost || !self.reaches_majority(node) {
                return Err(NotChanged::Unknown);
            }
            return made;
        }
        Err(NotChanged::Unknown)
    }

    fn commit(&self, node: NodeId, expected: Epoch, change: &Change) -> Result<Epoch, NotChanged> {
        let mut state = self.state();
        let current = state.newest().epoch();
        if current != expected {
            return Err(NotChanged::Conflict { current });
        }
        let next = state.newest().changed(change).map_err(NotChanged::Refused)?;
        let epoch = next.epoch();
        state.configs.push(Arc::new(next));
        drop(state);
        self.world.note(Entry::Client(&format_args!("{node} has the config log {change}: {epoch}")));
        Ok(epoch)
    }

    fn draw(&self, node: NodeId) -> (u64, u64, bool) {
        let now_us = self.world.now_us();
        let count = self.state().moments.entry(node).or_default().next(now_us);
        let mut chance = self.streams.at(now_us).keyed(Purpose::ConfigLog, [node.0.into(), now_us, count]);
        (chance.between(&WAY_US), chance.between(&WAY_US), chance.happens(ANSWER_LOST))
    }

    fn reaches_majority(&self, node: NodeId) -> bool {
        let current = self.current();
        let members: Vec<NodeId> = current.members().iter().filter(|member| !member.removed).map(|member| member.node).collect();
        let open = |from, to| self.world.link(from, to).flow == Flow::Open;
        let exchanges =
            |other: &&NodeId| **other == node || (self.world.lives(**other) && open(node, **other) && open(**other, node));
        2 * members.iter().filter(exchanges).count() > members.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
