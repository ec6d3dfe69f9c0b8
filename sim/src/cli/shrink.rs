//! `causeway-sim shrink`: a failing plan, made small.

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use causeway_sim::{
    capsule::Capsule,
    plan::{Plan, file},
    run::run_plan,
    shrink::{Shrunk, shrink},
    sweep::{capsule::command, job::SeedReport},
    trace::Keep,
};
use serde_json::json;

use super::{Outcome, exit, input, interrupt};

const EXAMPLES: &str = "\
Examples:
  causeway-sim shrink --seed 7 --mutant gap-accepted > small.toml
  causeway-sim shrink capsules/seed-7-a2_reads.capsule.json > small.toml
  causeway-sim shrink 7.toml --json | jq .runs

Both plans go into a capsule, with what the run of the small one shows: the folder is `--out`. The exit code tells how the small plan fails: 10 crash, 11 safety, 12 liveness.
Ctrl-C prints the smallest plan so far.";

/// `causeway-sim shrink`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ShrinkArgs {
    #[command(flatten)]
    input: input::PlanInput,
    /// Where the capsule goes
    #[arg(long, value_name = "DIR", default_value = "capsules")]
    out: PathBuf,
    /// Print the plan's text and what was found as JSON
    #[arg(long)]
    json: bool,
}

impl ShrinkArgs {
    pub(super) fn run(self) -> Outcome {
        let plan = self.input.read()?;
        eprintln!("from {}", size(&plan));
        let best = Arc::new(Mutex::new(None));
        let so_far = best.clone();
        let whole = plan.clone();
        let progress = move |shrunk: &Shrunk| {
            eprintln!("run {}: {}", shrunk.runs, size(&shrunk.plan));
            *so_far.lock().unwrap_or_else(PoisonError::into_inner) = Some(shrunk.clone());
        };
        let Some(shrunk) = interrupt::unless_interrupted(move || shrink(&plan, &progress))? else {
            match best.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
                Some(best) => self.show(&whole, best)?,
                None => eprintln!("interrupted before anything smaller was found"),
            }
            return Ok(ExitCode::from(exit::INTERRUPTED));
        };
        let shrunk = shrunk.ok_or("the plan passes: there is nothing to find in it")?;
        self.show(&whole, &shrunk)?;
        Ok(ExitCode::from(shrunk.report.verdict.exit_code()))
    }

    fn show(&self, whole: &Plan, shrunk: &Shrunk) -> Result<(), String> {
        let mut capsule = Capsule::pack(command(whole), whole.clone(), &run_plan(whole.clone(), Keep::All));
        capsule.add_shrunk(shrunk.plan.clone(), &run_plan(shrunk.plan.clone(), Keep::All));
        let path = capsule.save(&self.out).map_err(|error| error.to_string())?;
        let text = file::write(&shrunk.plan).map_err(|error| error.to_string())?;
        if self.json {
            let report = SeedReport::of(shrunk.plan.seed, &shrunk.report);
            let (operations, faults) = (shrunk.plan.operations.len(), shrunk.plan.faults.len());
            let found = json!({
                "capsule": path, "runs": shrunk.runs, "operations": operations, "faults": faults, "report": report, "plan": text,
            });
            println!("{}", input::json(&found)?);
        } else {
            print!("{text}");
            eprintln!("{} operations, {} runs\n{}", shrunk.report.operations, shrunk.runs, shrunk.report.verdict);
            eprintln!("capsule: {}", path.display());
        }
        Ok(())
    }
}

fn size(plan: &Plan) -> String {
    let (faults, operations, sessions) = (plan.faults.len(), plan.operations.len(), plan.sessions());
    format!("{operations} operations of {sessions} sessions, {faults} faults in {} ms", plan.faults_ms)
}
