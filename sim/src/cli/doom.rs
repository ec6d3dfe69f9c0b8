//! `causeway-sim doom`: from which event on a failing run can no longer be saved.

use std::{
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use causeway_sim::doom::{Doom, Point, REPLAYS, doom};
use serde_json::{Value, json};

use super::{Outcome, exit, input, interrupt};

const EXAMPLES: &str = "\
Examples:
  causeway-sim doom --seed 7 --mutant gap-accepted
  causeway-sim doom small.toml

Twenty replays are run from each event that is looked at: what the plan leaves open, loss and latency of each frame for one, is
drawn anew from then on. Exit code 0 when the doom was found, 1 when chance decides after the last event.";

/// `causeway-sim doom`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DoomArgs {
    #[command(flatten)]
    input: input::PlanInput,
    /// How many replays run at the same time
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Print the curve as JSON
    #[arg(long)]
    json: bool,
}

impl DoomArgs {
    pub(super) fn run(self) -> Outcome {
        let plan = self.input.read()?;
        let points = Arc::new(Mutex::new(Vec::new()));
        let so_far = points.clone();
        let progress = move |point: &Point| {
            eprintln!("{point}");
            so_far.lock().unwrap_or_else(PoisonError::into_inner).push(point.clone());
        };
        let Some(found) = interrupt::unless_interrupted(move || doom(&plan, self.jobs, &progress))? else {
            let mut points = points.lock().unwrap_or_else(PoisonError::into_inner);
            points.sort_by_key(|point: &Point| point.place);
            if self.json {
                println!("{}", input::json(&points.iter().map(point_data).collect::<Vec<_>>())?);
            } else {
                points.iter().for_each(|point| println!("{point}"));
            }
            return Ok(ExitCode::from(exit::INTERRUPTED));
        };
        let found = found.ok_or("the plan passes: there is no doom")?;
        if self.json {
            println!("{}", input::json(&data(&found))?);
        } else {
            println!("{found}\n{} runs", found.runs);
        }
        Ok(ExitCode::from(if found.doomed.is_some() { 0 } else { exit::FOUND }))
    }
}

fn data(found: &Doom) -> Value {
    json!({
        "verdict": found.verdict.to_string(),
        "ended_us": found.ended_us,
        "replays": REPLAYS,
        "curve": found.curve.iter().map(point_data).collect::<Vec<_>>(),
        "doomed_from": found.event().map(ToString::to_string),
        "runs": found.runs,
    })
}

fn point_data(point: &Point) -> Value {
    json!({ "at_ms": point.event.at_ms(), "event": point.event.to_string(), "failing": point.failing })
}
