//! The judge, shared by those who play: sessions tell it what they are told, nodes what they do, and all stop at the first violation.
//!
//! A run also asks its judge: whether a disk may be lost, what an answer means. What is replied is kept, and with the replies the
//! same run can be had again while nobody judges: that is how the cost of judging is measured.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use causeway::{id::NodeId, node::Event, placement::Config};
use tokio::sync::Notify;

use crate::{
    checker::{Judge, Violation},
    history::Outcome,
    observe::Observer,
    world::World,
};

/// What a judge replied, in the order of the questions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replies {
    /// Yes or no.
    decisions: VecDeque<bool>,
    /// What answers meant.
    outcomes: VecDeque<Outcome>,
}

/// Whether somebody judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    /// Somebody does; replies are kept.
    Judging,
    /// Nobody does; replies are those of an earlier run.
    Absent,
}

/// See the module.
pub struct Referee {
    judge: Mutex<Judge>,
    presence: Presence,
    replies: Mutex<Replies>,
    first: Mutex<Option<Violation>>,
    whistle: Notify,
}

impl Referee {
    /// A referee who judges so.
    pub fn new(judge: Judge) -> Arc<Self> {
        Self::of(judge, Presence::Judging, Replies::default())
    }

    /// A referee who hears nothing, and replies what was replied when this run was judged.
    pub fn absent(judge: Judge, replies: Replies) -> Arc<Self> {
        Self::of(judge, Presence::Absent, replies)
    }

    fn of(judge: Judge, presence: Presence, replies: Replies) -> Arc<Self> {
        let (judge, replies) = (Mutex::new(judge), Mutex::new(replies));
        Arc::new(Self { judge, presence, replies, first: Mutex::new(None), whistle: Notify::new() })
    }

    /// Lets the nodes be heard, if somebody judges.
    pub fn listen(self: &Arc<Self>, world: &World) {
        if self.presence == Presence::Judging {
            world.observe_with(Arc::new(Mutex::new(Ear(self.clone()))));
        }
    }

    /// What was replied so far; or what is left of it, when nobody judges.
    pub fn take_replies(&self) -> Replies {
        std::mem::take(&mut lock(&self.replies))
    }

    /// Looks at the judge, also at one who heard nothing.
    pub fn with<T>(&self, look: impl FnOnce(&Judge) -> T) -> T {
        look(&lock(&self.judge))
    }

    /// Tells the judge something.
    pub fn tell(&self, act: impl FnOnce(&mut Judge)) {
        if self.presence == Presence::Judging {
            act(&mut lock(&self.judge));
        }
    }

    /// Asks the judge what the run depends on.
    ///
    /// # Panics
    /// Nobody judges, and the run asks more than it did when somebody judged.
    pub fn ask(&self, question: impl FnOnce(&Judge) -> bool) -> bool {
        let mut replies = lock(&self.replies);
        if self.presence == Presence::Absent {
            return replies.decisions.pop_front().expect("an unjudged run asks what the judged one did");
        }
        let decision = question(&lock(&self.judge));
        replies.decisions.push_back(decision);
        decision
    }

    /// Has an answer to a client judged; a violation ends the run. Says what it means.
    ///
    /// # Panics
    /// Nobody judges, and there are more answers than there were when somebody judged.
    pub fn outcome(&self, act: impl FnOnce(&mut Judge) -> Result<Outcome, Violation>) -> Outcome {
        if self.presence == Presence::Absent {
            return lock(&self.replies).outcomes.pop_front().expect("an unjudged run has the answers of the judged one");
        }
        let judged = act(&mut lock(&self.judge));
        let outcome = judged.map_err(|violation| self.blow(violation)).unwrap_or(Outcome::Unknown);
        lock(&self.replies).outcomes.push_back(outcome);
        outcome
    }

    /// Keeps a violation, if it is the first, and wakes whoever waits for one.
    pub fn blow(&self, violation: Violation) {
        lock(&self.first).get_or_insert(violation);
        self.whistle.notify_one();
    }

    /// Has something judged; a violation ends the run.
    pub fn judge(&self, act: impl FnOnce(&mut Judge) -> Result<(), Violation>) {
        if self.presence == Presence::Judging {
            let judged = act(&mut lock(&self.judge));
            judged.unwrap_or_else(|violation| self.blow(violation));
        }
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
        self.tell(|judge| judge.may_lose(node));
    }

    /// What a node's disk holds, or gives, is wrong from now on.
    pub fn damage(&self, node: NodeId) {
        self.tell(|judge| judge.damage(node));
    }

    /// All that a node has is destroyed.
    pub fn destroy(&self, node: NodeId) {
        self.tell(|judge| judge.destroy(node));
    }

    /// Whether another replica holds everything that a node holds, and stays by the newest config.
    pub fn is_held_elsewhere(&self, node: NodeId, newest: &Config) -> bool {
        self.ask(|judge| judge.replicas().is_held_elsewhere(node, newest))
    }
}

/// The referee's ear at the nodes.
struct Ear(Arc<Referee>);

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
