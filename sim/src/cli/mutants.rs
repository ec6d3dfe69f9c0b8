//! `causeway-sim mutants`: does the net have holes?

use std::process::ExitCode;

use causeway::mutant::Mutant;
use causeway_sim::{
    checker::CHECKERS,
    mutants::{Converse, Loss, Score, converse, heading, quick, score},
};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Outcome, exit, input, interrupt};

const EXAMPLES: &str = "\
Examples:
  causeway-sim mutants                       five hunts each, and the smallest plan that shows each bug
  causeway-sim mutants gap-accepted --json   one of them
  causeway-sim mutants --quick               one hunt each, from a recorded seed on
  causeway-sim mutants --without all         without the checker that catches each bug: is it missed, or seen later by another?

The exit code is 1 when a planted bug is not caught by who is named for it, or a checker is not needed.";

/// `causeway-sim mutants`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct MutantsArgs {
    /// Only these bugs; all, if none is given
    #[arg(value_name = "NAME")]
    mutants: Vec<Mutant>,
    /// Hunt once, from a recorded seed on, and shrink nothing
    #[arg(long)]
    quick: bool,
    /// Run the recorded seed of each bug again without this checker, or each in turn, where that caught it
    #[arg(long, value_name = "CHECKER or all", conflicts_with_all = ["quick", "json", "mutants"])]
    without: Option<String>,
    /// How many hunts go on at the same time
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Print the score as JSON
    #[arg(long)]
    json: bool,
}

impl MutantsArgs {
    pub(super) fn run(self) -> Outcome {
        let done = interrupt::unless_interrupted(move || match &self.without {
            Some(checker) => run_converse(checker, self.jobs),
            None => self.run_score(),
        })?;
        done.unwrap_or(Ok(ExitCode::from(exit::INTERRUPTED)))
    }

    fn run_score(&self) -> Outcome {
        let mutants = if self.mutants.is_empty() { Mutant::ALL.to_vec() } else { self.mutants.clone() };
        let bar = ProgressBar::new(mutants.len() as u64);
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} bugs, {elapsed}, {eta} left") {
            bar.set_style(style);
        }
        // One line as soon as it is known: Ctrl-C leaves what was done.
        let tell = |score: &Score| {
            bar.inc(1);
            if !self.json {
                bar.suspend(|| println!("{score}"));
            }
        };
        if !self.json {
            println!("{}", heading());
        }
        let hunt = if self.quick { quick } else { score };
        let scores = hunt(&mutants, self.jobs, &tell);
        bar.finish_and_clear();
        println!("{}", if self.json { input::json(&scores)? } else { scores.to_string() });
        Ok(if scores.are_all_caught() { ExitCode::SUCCESS } else { ExitCode::from(exit::FOUND) })
    }
}

fn run_converse(checker: &str, jobs: usize) -> Outcome {
    let checkers: Vec<&'static str> = CHECKERS.into_iter().filter(|name| checker == "all" || checker == *name).collect();
    if checkers.is_empty() {
        return Err(format!("no checker is called `{checker}`; there are {}", CHECKERS.join(", ")));
    }
    let rows = converse(&checkers, jobs, &|row| println!("{row}"));
    let worst = |checker: &str| rows.iter().filter(|row| row.is_by(checker)).map(Converse::loss).max().unwrap_or(Loss::Nothing);
    let with_loss = |loss: Loss| checkers.iter().copied().filter(|checker| worst(checker) == loss).collect::<Vec<_>>();
    let [missed, late, idle] = [Loss::TheBug, Loss::Time, Loss::Nothing].map(with_loss);
    println!("without one of these a bug is missed, {} of {}: {}", missed.len(), checkers.len(), list(&missed));
    println!("without one of these a bug is seen later, by another, {} of {}: {}", late.len(), checkers.len(), list(&late));
    println!("nothing is lost without, {} of {}: {}", idle.len(), checkers.len(), list(&idle));
    Ok(if idle.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(exit::FOUND) })
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
