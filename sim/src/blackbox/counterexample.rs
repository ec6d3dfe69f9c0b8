//! Why a history is a violation, in plain English.

use std::fmt;

use super::{ABSENT, Action, Anomaly, Op};

/// Why one operation comes before another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edge {
    /// Session order.
    Session,
    /// The later one read what the earlier one wrote.
    Reads,
    /// The order of writes: this read returned the later one though it had the earlier one in its past, by these steps.
    Order {
        /// The read.
        read: Op,
        /// From the earlier write to the read.
        past: Vec<Step>,
    },
}

/// One step: `from` comes before `to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Why.
    pub edge: Edge,
    /// The earlier one.
    pub from: Op,
    /// The later one.
    pub to: Op,
}

/// What is wrong, and each step of the proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counterexample {
    /// Its name.
    pub anomaly: Anomaly,
    /// The read that is wrong, where one is.
    pub read: Option<Op>,
    /// What it should have seen, or what it wrongly saw.
    pub write: Option<Op>,
    /// Why: the way from the write to the read, or around a cycle.
    pub steps: Vec<Step>,
    /// Reads that found nothing, and the delete that each is taken to have seen here.
    pub taken: Vec<(Op, Op)>,
}

/// An operation in words.
struct Words<'a>(&'a Op);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Op { session, key, value, action, .. } = self.0;
        match action {
            Action::Read if *value == ABSENT => write!(f, "session {session}'s read of key {key}, which found nothing,"),
            Action::Read => write!(f, "session {session}'s read of key {key}, which returned {value},"),
            Action::Put => write!(f, "session {session}'s put of {value} to key {key}"),
            Action::Delete => write!(f, "session {session}'s delete {value} of key {key}"),
        }
    }
}

impl Edge {
    /// Its short name in the literature.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Session => "so",
            Self::Reads => "wr",
            Self::Order { .. } => "ww",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (&self.from, &self.to);
        write!(f, "{} {from} -> {to}: ", self.edge.name())?;
        match &self.edge {
            Edge::Session if from.transaction == to.transaction => write!(f, "both are of one transaction."),
            Edge::Session => write!(f, "session {} did the one before the other.", from.session),
            Edge::Reads if to.value == ABSENT => write!(f, "{} is taken to have seen {}.", Words(to), Words(from)),
            Edge::Reads => write!(f, "{} saw {}.", Words(to), Words(from)),
            Edge::Order { read, .. } => {
                write!(f, "{} is the older one, since {} had it in its past and saw {}.", Words(from), Words(read), Words(to))
            }
        }
    }
}

impl Counterexample {
    /// All steps in the order in which they are told, those of a past indented by one.
    pub fn all_steps(&self) -> impl Iterator<Item = (usize, &Step)> {
        self.steps.iter().flat_map(|step| {
            let past = if let Edge::Order { past, .. } = &step.edge { past.as_slice() } else { &[] };
            [(0, step)].into_iter().chain(past.iter().map(|step| (1, step)))
        })
    }

    fn conclusion(&self) -> String {
        let read = self.read.as_ref().map(|read| Words(read).to_string()).unwrap_or_default();
        let write = self.write.as_ref().map(|write| Words(write).to_string()).unwrap_or_default();
        match self.anomaly {
            Anomaly::ThinAirRead => format!("{read} saw what nobody wrote."),
            Anomaly::AbortedRead => format!("{read} saw what was rolled back."),
            Anomaly::FutureRead => format!("{read} saw what its own transaction wrote only later."),
            Anomaly::IntermediateRead => format!("{read} saw {write}, which its own transaction overwrote."),
            Anomaly::OwnWriteUnread => format!("{read} did not see {write}, of its own transaction."),
            Anomaly::CausalCycle => "so each is a cause of itself.".to_owned(),
            Anomaly::StaleInitialRead(_) => format!("{read} had {write} in its past."),
            Anomaly::StaleRead(_) if self.read.is_some() => format!("{read} had {write} in its past, which is newer."),
            Anomaly::UnexplainedAbsence => {
                format!("{read} had {write} in its past, and there is no delete that it can have seen.")
            }
            Anomaly::StaleRead(_) | Anomaly::CyclicArbitration => {
                "so no order of writes explains what was read: each would be older than itself.".to_owned()
            }
        }
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (read, delete) in &self.taken {
            writeln!(f, "if {} saw {}:", Words(read), Words(delete))?;
        }
        for (depth, step) in self.all_steps() {
            writeln!(f, "{}{step}", "    ".repeat(depth))?;
        }
        let conclusion = self.conclusion();
        let mut letters = conclusion.chars();
        let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
        write!(f, "{first}{}", letters.as_str())
    }
}
