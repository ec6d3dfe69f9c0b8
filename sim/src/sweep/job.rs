//! What a sweep asks a worker process and what it hears: one line of JSON each.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
};

use causeway::mutant::Mutant;
use serde::{Deserialize, Serialize};

use crate::{
    plan::{
        Plan,
        file::{self, PlanFileError, optional_text},
    },
    run::{Report, Verdict},
};

/// One question to a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// What to run.
    pub what: Source,
    /// What to keep of it.
    pub wanted: Wanted,
}

/// Where a plan comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// It is drawn.
    Seed {
        /// From this.
        seed: u64,
        /// With a bug planted.
        #[serde(default, with = "optional_text", skip_serializing_if = "Option::is_none")]
        mutant: Option<Mutant>,
    },
    /// It is the text of a plan's file.
    File(String),
}

/// What is kept of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    /// The verdict and the sums.
    Verdict,
    /// The whole trace too, as JSON lines in this file.
    Trace(PathBuf),
    /// A capsule in this folder.
    Capsule(PathBuf),
    /// A capsule in this folder of a run that may not end: after so many seconds, with what has come of it by then.
    Unended(PathBuf, u64),
    /// The capsule in this folder anew, with a small plan that was looked for for so many seconds.
    Small(PathBuf, u64),
}

/// What a worker says of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// What came of it.
    pub report: SeedReport,
    /// CPU time of the worker for it, in microseconds.
    pub cpu_us: u64,
    /// The file that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The small plan that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub small: Option<Small>,
}

/// A plan made small.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Small {
    /// Where it is.
    pub plan: PathBuf,
    /// Its operations.
    pub operations: usize,
    /// Its faults.
    pub faults: usize,
    /// How many runs it took to find it.
    pub runs: u32,
    /// Whether nothing more can be left out of it. Otherwise time was up.
    pub is_smallest: bool,
}

/// A run in few words and sums: a [`Report`] that can leave its process.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SeedReport {
    /// Which seed.
    pub seed: u64,
    /// How it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// When it ended, in simulated microseconds.
    pub ended_us: u64,
    /// How many operations clients began.
    pub operations: u32,
    /// How often each kind of fault happened.
    pub faults: BTreeMap<String, u64>,
    /// The most characters that a token had.
    pub longest_token: usize,
    /// Which kinds of faults began while what else was under way.
    #[serde(default)]
    pub coverage: BTreeSet<(String, String)>,
    /// Which marked places it reached.
    #[serde(default)]
    pub marks: BTreeSet<String>,
    /// Stands for everything that happened, in 16 hex digits.
    pub digest: String,
}

/// How a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The kind of its end.
    pub kind: FailureKind,
    /// The checker that ended it, or again the kind.
    pub caught_by: String,
    /// What does not hold. Of a failure without a property, its text with `#` for every number.
    pub property: String,
    /// What shows it.
    pub evidence: String,
}

/// Kinds of failures. Of several in one sweep the first decides its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// Nothing else that is said of a seed can be trusted.
    NonDeterminism,
    /// Something happened that must not.
    Safety,
    /// A panic, or a process that died or did not end.
    Crash,
    /// Something did not happen that must.
    Liveness,
}

impl Source {
    /// The plan.
    ///
    /// # Errors
    /// The file is none.
    pub fn plan(&self) -> Result<Plan, PlanFileError> {
        match self {
            Self::Seed { seed, mutant } => Ok(Plan::draw(*seed, *mutant)),
            Self::File(text) => file::read(text),
        }
    }
}

impl SeedReport {
    /// What leaves the process of a report.
    pub fn of(seed: u64, report: &Report) -> Self {
        Self {
            seed,
            failure: Failure::of(&report.verdict),
            ended_us: report.ended_us,
            operations: report.operations,
            faults: report.faults.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect(),
            longest_token: report.longest_token,
            coverage: report.coverage.keys().map(|(kind, phase)| ((*kind).to_owned(), phase.to_string())).collect(),
            marks: report.marks.iter().map(ToString::to_string).collect(),
            digest: format!("{:016x}", report.digest),
        }
    }

    /// Of a run that took its process with it.
    pub fn lost(seed: u64, why: &str) -> Self {
        Self { seed, failure: Failure::of(&Verdict::Crash(why.to_owned())), ..Self::default() }
    }

    /// Whether the run took its process with it.
    pub fn is_lost(&self) -> bool {
        self.digest.is_empty()
    }
}

impl Failure {
    /// How a verdict fails; `None` when it does not.
    pub fn of(verdict: &Verdict) -> Option<Self> {
        let (kind, property, evidence) = match verdict {
            Verdict::Passed => return None,
            Verdict::Safety(violation) => (FailureKind::Safety, violation.property.to_string(), violation.evidence.clone()),
            Verdict::Liveness(text) => (FailureKind::Liveness, without_numbers(text), text.clone()),
            Verdict::Crash(text) => (FailureKind::Crash, without_numbers(text), text.clone()),
            Verdict::NonDeterminism(text) => (FailureKind::NonDeterminism, "same seed, same run".to_owned(), text.clone()),
        };
        Some(Self { kind, caught_by: verdict.caught_by().to_owned(), property, evidence })
    }
}

impl FailureKind {
    /// The process's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Crash => 10,
            Self::Safety => 11,
            Self::Liveness => 12,
            Self::NonDeterminism => 13,
        }
    }
}

/// The first line, with every run of digits as one `#`.
fn without_numbers(text: &str) -> String {
    let mut short = String::new();
    for letter in text.lines().next().unwrap_or_default().chars() {
        let letter = if letter.is_ascii_digit() { '#' } else { letter };
        if letter != '#' || !short.ends_with('#') {
            short.push(letter);
        }
    }
    short
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, caught_by, property, evidence } = self;
        match kind {
            FailureKind::Safety => write!(f, "safety: {property} [{caught_by}]: {evidence}"),
            _ => write!(f, "{kind}: {evidence}"),
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NonDeterminism => "non-determinism",
            Self::Safety => "safety",
            Self::Crash => "crash",
            Self::Liveness => "liveness",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_that_differ_in_numbers_only_have_one_name() {
        let of = |text: &str| Failure::of(&Verdict::Liveness(text.to_owned())).expect("it fails").property;
        assert_eq!(of("n3 does not answer for k17: 503 'x'"), "n# does not answer for k#: # 'x'");
        assert_eq!(of("n12 does not answer for k1: 503 'x'"), of("n3 does not answer for k17: 503 'x'"));
        assert_ne!(of("n3 does not answer c1"), of("n3 does not answer for k1"));
        assert_eq!(Failure::of(&Verdict::Passed), None);
    }

    #[test]
    fn questions_and_answers_are_lines() {
        let job = Job { what: Source::Seed { seed: 7, mutant: Some(Mutant::GapAccepted) }, wanted: Wanted::Verdict };
        let line = serde_json::to_string(&job).expect("a job is text");
        assert_eq!(line, r#"{"what":{"seed":{"seed":7,"mutant":"gap-accepted"}},"wanted":"verdict"}"#);
        assert_eq!(serde_json::from_str::<Job>(&line).expect("and back"), job);
        let reply = Reply { report: SeedReport::lost(3, "it\nis gone"), cpu_us: 5, file: None, small: None };
        let line = serde_json::to_string(&reply).expect("a reply is text");
        assert!(!line.contains('\n'), "{line}");
        assert_eq!(serde_json::from_str::<Reply>(&line).expect("and back"), reply);
    }
}
