//! `causeway-sim mutants`: does the net have holes?

use std::process::ExitCode;

use causeway::mutant::Mutant;
use causeway_sim::{
    checker::CHECKERS,
    mutants::{Converse, converse, quick, score},
};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Outcome, exit, input, interrupt};

const EXAMPLES: &str = "\
Examples:
  causeway-sim mutants                       five hunts each, and the smallest plan that shows each bug
  causeway-sim mutants gap-accepted --json   one of them
  causeway-sim mutants --quick               one hunt each, from a recorded seed on
  causeway-sim mutants --without all         without each checker in turn: which bugs are missed, or seen later by another

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
    /// Leave a checker out, or each in turn, and print who then catches the bugs that it is named for
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
        let hunts = if self.quick { 1 } else { 5 };
        let bar = ProgressBar::new(hunts * mutants.len() as u64);
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} hunts, {elapsed}, {eta} left") {
            bar.set_style(style);
        }
        let hunt = if self.quick { quick } else { score };
        let scores = hunt(&mutants, self.jobs, &|| bar.inc(1));
        bar.finish_and_clear();
        if self.json {
            println!("{}", input::json(&scores)?);
        } else {
            println!("{scores}");
        }
        Ok(if scores.are_all_caught() { ExitCode::SUCCESS } else { ExitCode::from(exit::FOUND) })
    }
}

fn run_converse(checker: &str, jobs: usize) -> Outcome {
    let checkers: Vec<&'static str> = CHECKERS.into_iter().filter(|name| checker == "all" || checker == *name).collect();
    if checkers.is_empty() {
        return Err(format!("no checker is called `{checker}`; there are {}", CHECKERS.join(", ")));
    }
    let rows = converse(&checkers, jobs);
    for row in &rows {
        println!("{row}{}", if row.is_missed() { "" } else { "  (others see it as soon)" });
    }
    let idle = |checker: &&&str| !rows.iter().any(|row| row.checker == **checker && Converse::is_missed(row));
    let idle: Vec<&str> = checkers.iter().filter(idle).copied().collect();
    if idle.is_empty() {
        println!("{} of {} checkers are needed: without each, some bug is missed or seen later", checkers.len(), checkers.len());
        return Ok(ExitCode::SUCCESS);
    }
    println!("nothing is missed without: {}", idle.join(", "));
    Ok(ExitCode::from(exit::FOUND))
}
