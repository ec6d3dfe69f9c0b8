//! What was really done, and when: nodes go down and come back when the machine gets to it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::load::Run;
use crate::trace::{Change, Line, What};

/// Hears each line as it is written.
pub type Tell = Arc<dyn Fn(&Line) + Send + Sync>;

/// A node was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// From the order until the process ran: what Docker, or the system, takes.
    pub launched: Duration,
    /// From the order until the node was ready to serve; none when it went down before.
    pub ready: Option<Duration>,
}

/// A node was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// Until its process was gone.
    pub took: Duration,
    /// With which exit code.
    pub code: i32,
}

/// Everything that was noted.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    /// What happened.
    pub lines: Vec<Line>,
    /// How often harm of each kind was done.
    pub done: BTreeMap<&'static str, u32>,
    /// All starts of nodes while clients worked.
    pub starts: Vec<Start>,
    /// All clean stops.
    pub stops: Vec<Stop>,
    /// Changes of the config that were asked for and not made.
    pub not_made: Vec<String>,
    /// What should not have happened beside the plan, if anything: the first of it.
    pub trouble: Option<Trouble>,
}

/// Something that is in no plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// A process ended by itself.
    Died(String),
    /// What nodes live in did not do what it was told.
    Stage(String),
}

/// See the module.
pub struct Diary {
    run: Arc<Run>,
    tell: Tell,
    notes: Mutex<Notes>,
}

impl Diary {
    /// An empty one, for this run.
    pub fn new(run: Arc<Run>, tell: Tell) -> Self {
        Self { run, tell, notes: Mutex::default() }
    }

    /// Something begins that was planned.
    pub fn begin(&self, kind: &'static str, text: &str) {
        *self.notes().done.entry(kind).or_default() += 1;
        self.write(What::Fault { text: text.to_owned() });
    }

    /// A part of what was planned is done.
    pub fn say(&self, text: &str) {
        self.write(What::Fault { text: text.to_owned() });
    }

    /// The world changed.
    pub fn change(&self, change: Change) {
        self.write(What::Change { change });
    }

    /// A node was started.
    pub fn start(&self, start: Start) {
        self.notes().starts.push(start);
    }

    /// A node was stopped.
    pub fn stop(&self, stop: Stop) {
        self.notes().stops.push(stop);
    }

    /// A change of the config was not made.
    pub fn not_made(&self, why: String) {
        self.notes().not_made.push(why);
    }

    /// Something happened that is in no plan. The run ends.
    pub fn trouble(&self, trouble: Trouble) {
        self.notes().trouble.get_or_insert(trouble);
        self.run.end();
    }

    /// All of it.
    pub fn read(&self) -> Notes {
        self.notes().clone()
    }

    fn write(&self, what: What) {
        let line = Line { at_us: self.run.at_us(), what };
        (self.tell)(&line);
        self.notes().lines.push(line);
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
