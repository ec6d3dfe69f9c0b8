//! `causeway-sim server`: the server with a planted bug, as a process of its own, to be tortured.

use std::process::ExitCode;

use causeway::{
    cli::Cli,
    mutant::{self, Mutant},
};
use clap::Parser;

use super::Outcome;

/// `causeway-sim server`.
#[derive(Debug, clap::Args)]
pub struct ServerArgs {
    /// The bug to plant
    mutant: Mutant,
    /// The server's own command line
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

impl ServerArgs {
    pub(super) fn run(self) -> Outcome {
        mutant::plant_everywhere(self.mutant);
        let cli = Cli::parse_from(["causeway".to_owned()].into_iter().chain(self.arguments));
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| error.to_string())?;
        runtime.block_on(cli.run()).map(ExitCode::from).map_err(|error| error.to_string())
    }
}
