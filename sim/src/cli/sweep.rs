//! `causeway-sim sweep`: many seeds.

use std::{env, ops::Range, path::PathBuf, process::ExitCode, sync::atomic::Ordering, time::Duration};

use causeway::mutant::Mutant;
use causeway_sim::sweep::{
    Step, SweepPlan,
    canary::{CANARY_SEEDS, Fate},
    partition::Partition,
    sabotage::Sabotage,
    sweep,
    tally::{Group, Name, SweepReport},
};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{Outcome, exit, input, interrupt};

const EXAMPLES: &str = "\
Examples:
  causeway-sim sweep --seeds 1..2000
  causeway-sim sweep --seeds 1..20000 --partition 3/10 --json       the fourth of ten machines
  causeway-sim sweep --seeds 0..200 --mutant gap-accepted --fail-fast

Exit codes: 0 no seed failed and the canary was caught; of several failures the first of
13 non-determinism, 11 safety, 10 crash or hang, 12 liveness; 14 the canary was missed; 130 interrupted.
A failing seed leaves a capsule in the folder `--out`; the smallest of each kind is shrunk when the seeds are done.";

/// `causeway-sim sweep`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct SweepArgs {
    /// Which seeds: the first, two dots, and the first that is not run
    #[arg(long, value_name = "A..B", value_parser = input::parse_seeds)]
    seeds: Range<u64>,
    /// Of N machines, which this one is, from 0: it runs the seeds that leave I when divided by N
    #[arg(long, value_name = "I/N", default_value_t)]
    partition: Partition,
    /// How many seeds run at the same time, each in a process
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// A bug to plant in all of them
    #[arg(long, value_name = "NAME")]
    mutant: Option<Mutant>,
    /// After how many failures to begin no new seed
    #[arg(long, value_name = "N", default_value_t = 20)]
    max_failures: usize,
    /// Stop at the first failure: the same as `--max-failures 1`
    #[arg(long, conflicts_with = "max_failures")]
    fail_fast: bool,
    /// Of how many seeds in a hundred to repeat the run in another process
    #[arg(long, value_name = "PERCENT", default_value_t = 5, value_parser = clap::value_parser!(u8).range(..=100))]
    repeat_percent: u8,
    /// Within how many seeds the canary, a planted bug, must be caught
    #[arg(long, value_name = "N", default_value_t = CANARY_SEEDS, value_parser = clap::value_parser!(u64).range(1..))]
    canary_seeds: u64,
    /// How long a seed may take before it is killed, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    seed_limit_s: u64,
    /// How long to look for a small plan of each kind of failure, in seconds; 0 for not at all
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    shrink_s: u64,
    /// Where failing seeds leave their capsules
    #[arg(long, value_name = "DIR", default_value = "capsules")]
    out: PathBuf,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// What to break on purpose: `abort@SEED`, `hang@SEED`, `differ@SEED`, `dud-canary`
    #[arg(long, hide = true)]
    sabotage: Vec<Sabotage>,
}

impl SweepArgs {
    pub(super) fn run(self) -> Outcome {
        let stop = interrupt::listen()?;
        let json = self.json;
        let plan = self.plan()?;
        let bar = bar(plan.own_seeds().count() as u64);
        let progress = |step: Step<'_>| {
            bar.set_position(step.seeds);
            bar.set_message(if step.failures > 0 { format!(", {} failed", step.failures) } else { String::new() });
            if let Some(report) = step.failed {
                let why = report.failure.as_ref().map(ToString::to_string).unwrap_or_default();
                bar.suspend(|| eprintln!("seed {}: {why}", report.seed));
            }
        };
        let report = sweep(&plan, &stop, &progress).map_err(|error| format!("the sweep could not go on: {error}"))?;
        bar.finish_and_clear();
        if json {
            println!("{}", input::json(&data(&report))?);
        } else {
            println!("{report}");
        }
        let interrupted = stop.load(Ordering::Relaxed);
        Ok(ExitCode::from(if interrupted { exit::INTERRUPTED } else { report.exit_code() }))
    }

    fn plan(self) -> Result<SweepPlan, String> {
        Ok(SweepPlan {
            seeds: self.seeds,
            partition: self.partition,
            jobs: self.jobs,
            mutant: self.mutant,
            max_failures: if self.fail_fast { 1 } else { self.max_failures },
            repeat_percent: self.repeat_percent,
            canary_seeds: self.canary_seeds,
            seed_limit: Duration::from_secs(self.seed_limit_s),
            shrink_limit: Duration::from_secs(self.shrink_s),
            out: self.out,
            program: env::current_exe().map_err(|error| format!("where is this program? {error}"))?,
            sabotage: self.sabotage,
        })
    }
}

/// Shown on a terminal only.
fn bar(seeds: u64) -> ProgressBar {
    let bar = ProgressBar::new(seeds);
    match ProgressStyle::with_template("{bar:40} {pos}/{len} seeds{msg}, {per_sec}, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn data(report: &SweepReport) -> Value {
    let canary = &report.canary;
    let (fate, by) = match &canary.fate {
        Fate::Flying => ("flying", None),
        Fate::Caught { by, .. } => ("caught", Some(by)),
        Fate::Missed => ("missed", None),
    };
    json!({
        "mutant": report.mutant.map(|mutant| mutant.to_string()),
        "seeds": report.seeds,
        "seeds_not_run": report.left,
        "operations": report.all_operations(),
        "median_operations": report.median_operations(),
        "faults": report.faults,
        "never_reached": report.never_reached(),
        "never_met": report.never_met(),
        "longest_token": report.longest_token,
        "seconds": report.took.as_secs_f64(),
        "cpu_seconds": report.cpu_us as f64 / 1e6,
        "seeds_a_minute": report.seeds_a_minute(),
        "operations_a_cpu_second": report.operations_a_cpu_second(),
        "repeated": report.repeated,
        "canary": { "mutant": canary.mutant.to_string(), "seeds": canary.seeds, "fate": fate, "by": by },
        "failures": report.failures(),
        "groups": report.groups.iter().map(|(name, group)| group_data(report, name, group)).collect::<Vec<_>>(),
    })
}

fn group_data(report: &SweepReport, name: &Name, group: &Group) -> Value {
    let smallest = &group.smallest;
    json!({
        "kind": name.kind,
        "caught_by": name.caught_by,
        "property": name.property,
        "seeds": group.seeds,
        "smallest": smallest.report,
        "replay": report.replay(smallest.report.seed),
        "capsule": smallest.capsule,
        "small": group.small,
        "divergence": smallest.divergence,
    })
}
