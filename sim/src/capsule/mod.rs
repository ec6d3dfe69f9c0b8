//! A failure as one file: all that somebody needs who was not there. The commit, the plan and its shrunk form, what does not hold,
//! what clients did and saw, and the trace.
//!
//! The plan is what matters: whoever has the commit gets the rest by running it. The rest is for reading without running, and for
//! telling whether a run on another commit is still the same.

mod file;
mod told;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use file::{CapsuleError, read, write};
pub use told::Told;

use crate::{
    explain::{Explanation, explain},
    plan::{Plan, file::PlanFileError},
    run::{Report, Verdict},
    trace::Line,
};

/// How many lines of the trace are kept: the last ones.
pub const TRACE_LINES: usize = 50_000;

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct Capsule {
    /// Which build failed.
    pub commit: String,
    /// The command that found it.
    pub command: String,
    /// What was run, and how it fails.
    pub found: Failure,
    /// The small plan that fails in the same way, once it was looked for.
    pub shrunk: Option<Failure>,
    /// What the run of the smaller plan showed.
    pub evidence: Evidence,
}

/// A plan that fails, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What was run.
    pub plan: Plan,
    /// How it fails, in one line.
    pub verdict: String,
    /// Who caught it: the name of a checker, or the kind of the failure.
    pub caught_by: String,
    /// The process's exit code for it.
    pub exit_code: u8,
    /// Stands for the whole run.
    pub digest: u64,
}

/// What a failing run showed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// What does not hold, step by step.
    pub explanation: Explanation,
    /// What clients did and saw.
    pub history: Vec<Told>,
    /// What happened.
    pub trace: Vec<Line>,
}

/// What became of a failure on another commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// The run is the same to the last byte.
    Identical,
    /// It fails in the same way.
    Same,
    /// It fails in another way.
    Other,
    /// It passes.
    Fixed,
}

impl Capsule {
    /// Packs a failed run. Its report must have been made with everything kept.
    pub fn pack(command: String, plan: Plan, report: &Report) -> Self {
        let (found, evidence) = (Failure::of(plan, report), Evidence::of(report));
        Self { commit: commit(), command, found, shrunk: None, evidence }
    }

    /// Adds the small plan, with the evidence that its run shows. Its report must have been made with everything kept.
    pub fn add_shrunk(&mut self, plan: Plan, report: &Report) {
        self.shrunk = Some(Failure::of(plan, report));
        self.evidence = Evidence::of(report);
    }

    /// The smallest plan that is known to fail so: the one that the evidence is of.
    pub fn smallest(&self) -> &Failure {
        self.shrunk.as_ref().unwrap_or(&self.found)
    }

    /// A name for its file, told from those of other failures.
    pub fn file_name(&self) -> String {
        let Failure { plan, caught_by, .. } = &self.found;
        let mutant = plan.mutant.map(|mutant| format!("-{mutant}")).unwrap_or_default();
        format!("seed-{}{mutant}-{caught_by}.capsule.json", plan.seed)
    }

    /// Writes it into a folder, which is made if it is not there, and says where it is.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<PathBuf, CapsuleError> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join(self.file_name());
        // In one step: whoever is killed while it replaces a capsule leaves the old one.
        let draft = path.with_extension("draft");
        std::fs::write(&draft, write(self)?)?;
        std::fs::rename(&draft, &path)?;
        Ok(path)
    }
}

impl Failure {
    fn of(plan: Plan, report: &Report) -> Self {
        let Report { verdict, digest, .. } = report;
        let (caught_by, exit_code) = (verdict.caught_by().to_owned(), verdict.exit_code());
        Self { plan, verdict: verdict.to_string(), caught_by, exit_code, digest: *digest }
    }

    /// What another run of the plan says of the failure.
    pub fn compare(&self, report: &Report) -> Again {
        if report.verdict == Verdict::Passed {
            Again::Fixed
        } else if report.digest == self.digest && report.verdict.to_string() == self.verdict {
            Again::Identical
        } else if report.verdict.caught_by() == self.caught_by {
            Again::Same
        } else {
            Again::Other
        }
    }
}

impl Evidence {
    /// What a run showed that was kept whole.
    pub fn of(report: &Report) -> Self {
        let explanation = match &report.verdict {
            Verdict::Safety(violation) => explain(&report.history, violation, report.ended_us),
            Verdict::Passed => Explanation::default(),
            verdict => Explanation { summary: verdict.to_string(), ..Explanation::default() },
        };
        let from = report.trace.len().saturating_sub(TRACE_LINES);
        let history = report.history.iter().map(Told::of).collect();
        Self { explanation, history, trace: report.trace[from..].to_vec() }
    }
}

/// The commit that this program was built from, with a `+` when files had been changed since; `unknown` where nobody knows.
pub fn commit() -> String {
    let built = option_env!("CAUSEWAY_COMMIT").map(str::to_owned);
    built.or_else(asked_of_git).unwrap_or_else(|| "unknown".to_owned())
}

fn asked_of_git() -> Option<String> {
    let mut git = std::process::Command::new("git");
    let git = git.args(["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"]);
    let output = git.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}

impl From<PlanFileError> for CapsuleError {
    fn from(error: PlanFileError) -> Self {
        Self::Plan(error.to_string())
    }
}

impl std::fmt::Display for Again {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Identical => "same failure, byte for byte",
            Self::Same => "same failure",
            Self::Other => "other failure",
            Self::Fixed => "fixed",
        })
    }
}
