//! `causeway-sim plan`: the plan of a seed as a file.

use std::process::ExitCode;

use causeway::mutant::Mutant;
use causeway_sim::plan::{Plan, file};

use super::Outcome;

const EXAMPLES: &str = "\
Examples:
  causeway-sim plan --seed 7 > 7.toml
  causeway-sim plan --seed 7 --mutant gap-accepted | tee 7.toml | head -25";

/// `causeway-sim plan`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct PlanArgs {
    /// Which seed
    #[arg(long)]
    seed: u64,
    /// A bug to plant
    #[arg(long, value_name = "NAME")]
    mutant: Option<Mutant>,
}

impl PlanArgs {
    pub(super) fn run(self) -> Outcome {
        print!("{}", file::write(&Plan::draw(self.seed, self.mutant)).map_err(|error| error.to_string())?);
        Ok(ExitCode::SUCCESS)
    }
}
