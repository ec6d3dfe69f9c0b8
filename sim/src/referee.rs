//! The judge, shared by those who play: sessions tell it what they are told, nodes what they do, and all stop at the first violation.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use causeway::{id::NodeId, node::Event};
use tokio::sync::Notify;

use crate::{
    checker::{Judge, Violation},
    observe::Observer,
};

/// See the module.
pub struct Referee {
    judge: Mutex<Judge>,
    first: Mutex<Option<Violation>>,
    whistle: Notify,
}

impl Referee {
    /// A referee who judges so.
    pub fn new(judge: Judge) -> Arc<Self> {
        Arc::new(Self { judge: Mutex::new(judge), first: Mutex::new(None), whistle: Notify::new() })
    }

    /// Asks or tells the judge.
    pub fn with<T>(&self, act: impl FnOnce(&mut Judge) -> T) -> T {
        act(&mut lock(&self.judge))
    }

    /// Keeps a violation, if it is the first, and wakes whoever waits for one.
    pub fn blow(&self, violation: Violation) {
        lock(&self.first).get_or_insert(violation);
        self.whistle.notify_one();
    }

    /// What a judgement gives; a violation ends the run.
    pub fn judge<T>(&self, act: impl FnOnce(&mut Judge) -> Result<T, Violation>) -> Option<T> {
        self.with(act).map_err(|violation| self.blow(violation)).ok()
    }

    /// The first violation, if there is one.
    pub fn violation(&self) -> Option<Violation> {
        lock(&self.first).clone()
    }

    /// Waits for the first violation.
    pub async fn violated(&self) -> Violation {
        loop {
            if let Some(violation) = self.violation() {
                return violation;
            }
            self.whistle.notified().await;
        }
    }

    /// A node's next start may find less than it had.
    pub fn may_lose(&self, node: NodeId) {
        self.with(|judge| judge.may_lose(node));
    }

    /// What a node's disk holds, or gives, is wrong from now on.
    pub fn damage(&self, node: NodeId) {
        self.with(|judge| judge.damage(node));
    }

    /// All that a node has is destroyed.
    pub fn destroy(&self, node: NodeId) {
        self.with(|judge| judge.destroy(node));
    }

    /// Whether another replica holds everything that a node holds.
    pub fn is_held_elsewhere(&self, node: NodeId) -> bool {
        self.with(|judge| judge.replicas().is_held_elsewhere(node))
    }
}

/// The referee's ear at the nodes.
pub struct Ear(pub Arc<Referee>);

impl Observer for Ear {
    fn event(&mut self, at_us: u64, node: NodeId, event: &Event) {
        self.0.judge(|judge| {
            judge.pass_time(at_us);
            judge.happened(node, event)
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
