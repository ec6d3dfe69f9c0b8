//! `causeway-sim run`: one run.

use std::process::ExitCode;

use causeway_sim::{
    run::{Report, Verdict, run_plan},
    sweep::job::SeedReport,
    trace::Keep,
};

use super::{Outcome, exit, input, interrupt};

/// Lines of the trace that are shown.
const LAST_LINES: usize = 60;

const EXAMPLES: &str = "\
Examples:
  causeway-sim run --seed 7                              one run
  causeway-sim run --seed 7 --mutant gap-accepted        the same, with a bug
  causeway-sim plan --seed 7 > 7.toml                    the plan, to be edited ...
  causeway-sim run 7.toml --trace | less                 ... and run

The exit code tells the verdict: 0, 10 crash, 11 safety, 12 liveness.";

/// `causeway-sim run`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    #[command(flatten)]
    input: input::PlanInput,
    /// Print the whole trace
    #[arg(long, conflicts_with = "json")]
    trace: bool,
    /// Print the verdict and the sums as JSON
    #[arg(long)]
    json: bool,
}

impl RunArgs {
    pub(super) fn run(self) -> Outcome {
        let plan = self.input.read()?;
        let seed = plan.seed;
        if !self.json {
            println!("{}", plan.summary());
        }
        let keep = if self.trace { Keep::All } else { Keep::Last(LAST_LINES) };
        let Some(report) = interrupt::unless_interrupted(move || run_plan(plan, keep))? else {
            println!("interrupted before the verdict");
            return Ok(ExitCode::from(exit::INTERRUPTED));
        };
        if self.json {
            println!("{}", input::json(&SeedReport::of(seed, &report))?);
        } else {
            show(&report);
        }
        Ok(ExitCode::from(report.verdict.exit_code()))
    }
}

fn show(report: &Report) {
    for line in &report.trace {
        println!("{line}");
    }
    let faults: Vec<String> = report.faults.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    println!("{} operations, longest token {}, digest {:016x}", report.operations, report.longest_token, report.digest);
    println!("faults: {}", if faults.is_empty() { "none".to_owned() } else { faults.join(", ") });
    if report.verdict == Verdict::Passed {
        return println!("passed");
    }
    println!("\n{}", report.verdict);
}
