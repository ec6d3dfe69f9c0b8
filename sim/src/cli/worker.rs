//! `causeway-sim worker`: what a sweep's processes are. Jobs come in, one line each; replies go out.

use std::{io, process::ExitCode};

use causeway_sim::sweep::{
    sabotage::Sabotage,
    worker::{WorkerPlan, serve},
};

use super::Outcome;

/// `causeway-sim worker`.
#[derive(Debug, clap::Args)]
pub struct WorkerArgs {
    /// Which worker of its sweep
    #[arg(long, default_value_t = 0)]
    number: u32,
    /// What to break
    #[arg(long)]
    sabotage: Vec<Sabotage>,
}

impl WorkerArgs {
    pub(super) fn run(self) -> Outcome {
        let plan = WorkerPlan { number: self.number, sabotage: self.sabotage };
        serve(plan, io::stdin().lock(), io::stdout()).map_err(|error| error.to_string())?;
        Ok(ExitCode::SUCCESS)
    }
}
