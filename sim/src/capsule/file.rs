//! Capsules as text: JSON, one line for each operation and each line of the trace; the plans stand in it as the files that they are.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Capsule, Evidence, Failure, Told};
use crate::{explain::Explanation, plan::file, trace::Line};

/// Which form of the file this program writes, and the only one that it reads.
const FORMAT: u32 = 1;

/// Why there is no capsule.
#[derive(Debug, Error)]
pub enum CapsuleError {
    /// The file cannot be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It is not what this program writes.
    #[error("not a capsule: {0}")]
    Json(#[from] serde_json::Error),
    /// Another version of this program wrote it.
    #[error("format {0}: this program reads format {FORMAT}")]
    Format(u32),
    /// A digest is 16 hexadecimal digits.
    #[error("not a digest: {0}")]
    Digest(String),
    /// The plan in it is none.
    #[error("{0}")]
    Plan(String),
}

#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
    commit: String,
    command: String,
    found: FailureText,
    shrunk: Option<FailureText>,
    explanation: Explanation,
}

#[derive(Serialize, Deserialize)]
struct FailureText {
    verdict: String,
    caught_by: String,
    exit_code: u8,
    digest: String,
    plan: String,
}

#[derive(Deserialize)]
struct File {
    #[serde(flatten)]
    head: Head,
    history: Vec<Told>,
    trace: Vec<Line>,
}

/// A capsule as the text of a file.
///
/// # Errors
/// The plan has no file.
pub fn write(capsule: &Capsule) -> Result<String, CapsuleError> {
    let Capsule { commit, command, found, shrunk, evidence } = capsule;
    let head = Head {
        format: FORMAT,
        commit: commit.clone(),
        command: command.clone(),
        found: FailureText::of(found)?,
        shrunk: shrunk.as_ref().map(FailureText::of).transpose()?,
        explanation: evidence.explanation.clone(),
    };
    let head = serde_json::to_string_pretty(&head)?;
    let mut text = head.strip_suffix("\n}").unwrap_or(&head).to_owned();
    list(&mut text, "history", &evidence.history)?;
    list(&mut text, "trace", &evidence.trace)?;
    text.push_str("\n}\n");
    Ok(text)
}

fn list<T: Serialize>(text: &mut String, name: &str, items: &[T]) -> Result<(), serde_json::Error> {
    // A `String` takes whatever is written to it.
    let _ = write!(text, ",\n  \"{name}\": [");
    for (place, item) in items.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        let _ = write!(text, "{comma}\n    {}", serde_json::to_string(item)?);
    }
    text.push_str("\n  ]");
    Ok(())
}

/// Reads what [`write()`] wrote.
///
/// # Errors
/// It is no capsule of this format.
pub fn read(text: &str) -> Result<Capsule, CapsuleError> {
    let File { head, history, trace } = serde_json::from_str(text)?;
    if head.format != FORMAT {
        return Err(CapsuleError::Format(head.format));
    }
    let Head { commit, command, found, shrunk, explanation, .. } = head;
    let shrunk = shrunk.map(FailureText::read).transpose()?;
    Ok(Capsule { commit, command, found: found.read()?, shrunk, evidence: Evidence { explanation, history, trace } })
}

impl FailureText {
    fn of(failure: &Failure) -> Result<Self, CapsuleError> {
        let Failure { plan, verdict, caught_by, exit_code, digest } = failure;
        let (plan, digest) = (file::write(plan)?, format!("{digest:016x}"));
        Ok(Self { verdict: verdict.clone(), caught_by: caught_by.clone(), exit_code: *exit_code, digest, plan })
    }

    fn read(self) -> Result<Failure, CapsuleError> {
        let Self { verdict, caught_by, exit_code, digest, plan } = self;
        let digest = u64::from_str_radix(&digest, 16).map_err(|_| CapsuleError::Digest(digest))?;
        Ok(Failure { plan: file::read(&plan)?, verdict, caught_by, exit_code, digest })
    }
}
