//! Where a command takes a node's settings from.

use std::path::PathBuf;

use super::settings::{BARE_VARIABLES, Flags, Loaded, SettingsError};

/// Flags over the environment over a file.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Sources {
    /// TOML file of settings; also given by `CAUSEWAY_CONFIG`
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
}

impl Sources {
    /// The settings that follow from these flags and this process's environment.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn load(&self) -> Result<Loaded, SettingsError> {
        Loaded::load(&self.flags, self.config.as_deref(), std::env::vars())
    }
}

/// Whether an environment is a container's that should serve: it says which node it is.
pub(super) fn names_a_node(mut environment: impl Iterator<Item = (String, String)>) -> bool {
    let variable = BARE_VARIABLES[0].to_uppercase();
    environment.any(|(name, text)| !text.is_empty() && name.strip_prefix("CAUSEWAY_").unwrap_or(&name) == variable)
}
