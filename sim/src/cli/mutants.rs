//! `causeway-sim mutants`: does the net have holes?

use std::{process::ExitCode, sync::atomic::Ordering};

use causeway::mutant::Mutant;
use causeway_sim::mutants::{SEED_LIMIT, hunt};

use super::{Outcome, exit, interrupt};

const EXAMPLES: &str = "\
Examples:
  causeway-sim mutants

The exit code is 1 when a planted bug is not caught by who is named for it.";

/// `causeway-sim mutants`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct MutantsArgs {}

impl MutantsArgs {
    pub(super) fn run(self) -> Outcome {
        println!("{:<26} {:<34} {:>5} {:>10}  property", "mutant", "caught by", "seeds", "operations");
        let stop = interrupt::listen()?;
        let mut all_caught = true;
        for mutant in Mutant::ALL {
            let row = hunt(mutant);
            all_caught &= row.is_caught_as_named();
            let remark = if row.is_caught_as_named() { "" } else { "  <- not as named" };
            println!("{row}{remark}");
            if stop.load(Ordering::Relaxed) {
                return Ok(ExitCode::from(exit::INTERRUPTED));
            }
        }
        if all_caught {
            return Ok(ExitCode::SUCCESS);
        }
        println!("not every planted bug is caught by who is named for it within {SEED_LIMIT} seeds");
        Ok(ExitCode::from(exit::FOUND))
    }
}
