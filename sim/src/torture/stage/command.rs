//! Programs of the system, by their names.

use std::{
    io,
    process::{Command as Blocking, Stdio},
};

use thiserror::Error;
use tokio::{io::AsyncWriteExt, process::Command};

/// Why a stage cannot be built, or does not do what it is told.
#[derive(Debug, Error)]
pub enum StageError {
    /// A program of the system says no.
    #[error("{command}: {why}")]
    Refused {
        /// What was asked.
        command: String,
        /// What it said.
        why: String,
    },
    /// There is no such program, or a file cannot be made.
    #[error("{what}: {source}")]
    Io {
        /// What was to be done.
        what: String,
        /// Why it was not.
        source: io::Error,
    },
    /// All networks that would do are there already.
    #[error("every network from 10.213.0.0/24 to 10.213.255.0/24 that was tried is in use")]
    NoNetwork,
}

impl StageError {
    /// What an error of the system's means here.
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        |source| Self::Io { what, source }
    }
}

/// Runs a program to its end. What it printed, without white space around it.
pub(super) async fn run(program: &str, arguments: &[&str]) -> Result<String, StageError> {
    feed(program, arguments, "").await
}

/// The same with something to read.
pub(super) async fn feed(program: &str, arguments: &[&str], input: &str) -> Result<String, StageError> {
    let said = || format!("{program} {}", arguments.join(" "));
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut process = command.spawn().map_err(StageError::io(said()))?;
    if let Some(mut stdin) = process.stdin.take() {
        // Who refuses its input says why itself.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    let output = process.wait_with_output().await.map_err(StageError::io(said()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(StageError::Refused { command: said(), why: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}

/// Runs a program for tidying up. It may have nothing to do, so nobody asks what came of it.
pub(super) fn tidy(program: &str, arguments: &[&str]) {
    let mut command = Blocking::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    drop(command.status());
}
