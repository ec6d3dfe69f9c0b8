//! `causeway config print`: every key, its value, and where the value came from.

use std::fmt::Write;

use super::{CliError, sources::Sources};

/// What to do with settings.
#[derive(Debug, clap::Subcommand)]
pub enum ConfigCommand {
    /// Print every key with its value and where the value came from
    Print(Sources),
}

impl ConfigCommand {
    /// The text to print.
    ///
    /// # Errors
    /// Settings that are refused.
    pub fn run(&self) -> Result<String, CliError> {
        let Self::Print(sources) = self;
        let rows = sources.load()?.rows();
        let keys = rows.iter().map(|row| row.key.len()).max().unwrap_or_default();
        let values = rows.iter().map(|row| row.value.len()).max().unwrap_or_default();
        let mut text = String::new();
        for row in rows {
            let _ = writeln!(text, "{:keys$} = {:values$}  # {}", row.key, row.value, row.source);
        }
        Ok(text)
    }
}
