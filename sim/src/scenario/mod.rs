//! Scenarios: stories in text files, told by a simulated cluster, each with an account of what happened.
//!
//! ```text
//!   tests/scenarios/x.txt --parse--> Scenario --tell--> Account --Display--> snapshots/x.snap
//!                                            scene <--------'^------read--------'
//! ```
//!
//! Architecture invariant: an account says nothing that depends on chance. It names no time and no token, says what happened in a
//! step in a fixed order, and leaves out what nobody outside of a node can tell: promises, pulls, heartbeats, suspicions,
//! tombstones that go. So it changes only when something changes that somebody can observe.
//! The language is described in docs/scenarios.md.

mod account;
mod cluster_line;
mod command;
mod diagram;
mod links;
mod notes;
mod operator;
mod parse;
mod phrase;
mod play;
mod session;
mod value;
mod words;

pub use account::{Account, Step};
pub use command::{Call, Command, Condition, DiskAct, LinkAct, Nodes, Patience, ProcessAct, SessionAct, Verb};

pub use diagram::{scene, time_of_line};
pub use links::Links;
pub use parse::ScenarioError;
pub use phrase::{Happening, Phrase};
pub use play::{Conditions, tell};
pub use value::Value;

/// A story that can be told.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Why it is told, line by line.
    pub why: Vec<String>,
    /// Its lines; the first founds the cluster.
    pub lines: Vec<Line>,
}

/// One line of a scenario.
#[derive(Debug, Clone)]
pub struct Line {
    /// Comments that stand above it.
    pub remarks: Vec<String>,
    /// It as it was written.
    pub text: String,
    /// What it asks for.
    pub command: Command,
}

impl std::str::FromStr for Scenario {
    type Err = ScenarioError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse::parse(text)
    }
}
