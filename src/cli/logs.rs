//! What a serving process logs, and how: lines for people or JSON for programs, on standard error. Never keys or values.

use std::io::{self, IsTerminal};

use thiserror::Error;
use tracing_subscriber::{EnvFilter, filter::ParseError};

use super::settings::Settings;

/// The library of the config log tells of each election and each message at `info`.
const QUIET: &str = "openraft=warn";

/// Settings by which nothing can be logged.
#[derive(Debug, Error)]
pub enum LogsError {
    /// No format has this name.
    #[error("LOG_FORMAT: {0:?} is neither `text` nor `json`")]
    Format(String),
    /// No level and no filter.
    #[error("LOG_LEVEL: {0}")]
    Level(#[from] ParseError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Text,
    Json,
}

/// What is logged, and how.
#[derive(Debug)]
pub struct Logs {
    format: Format,
    filter: EnvFilter,
}

impl Logs {
    /// What follows from settings.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(settings: &Settings) -> Result<Self, LogsError> {
        let format = match settings.log_format.as_str() {
            "text" => Format::Text,
            "json" => Format::Json,
            other => return Err(LogsError::Format(other.to_owned())),
        };
        // What the setting says of the same target is stronger, since it comes later.
        let filter = format!("{QUIET},{}", settings.log_level);
        Ok(Self { format, filter: EnvFilter::builder().parse(filter)? })
    }

    /// Logs from now on.
    pub(super) fn begin(self) {
        let lines = tracing_subscriber::fmt().with_env_filter(self.filter).with_writer(io::stderr);
        // Fails only where somebody logs already, and then that goes on.
        let _ = match self.format {
            Format::Text => lines.with_ansi(io::stderr().is_terminal()).try_init(),
            Format::Json => lines.json().flatten_event(true).try_init(),
        };
    }
}
