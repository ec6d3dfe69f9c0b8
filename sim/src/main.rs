//! `causeway-sim`: runs seeds, sweeps over many, and shows which checker catches which planted bug.
#![expect(clippy::disallowed_macros, reason = "the tool speaks to the terminal")]

mod cli;

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use causeway::mutant::Mutant;
use causeway_sim::{
    mutants::{SEED_LIMIT, hunt},
    plan::Plan,
    plan_file,
    run::{Report, Verdict, run_plan},
    shrink::shrink,
    sweep::{SweepPlan, replay, sweep},
    trace::Keep,
};
use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

/// Lines of the trace that a failure shows.
const LAST_LINES: usize = 60;

/// Deterministic simulation of a Causeway cluster.
///
/// Exit codes: 0 nothing is wrong, 10 a crash, 11 a safety violation, 12 a liveness violation, 13 non-determinism.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs one seed, or the plan in a file, and prints the plan, the end of the trace and the verdict.
    Run {
        /// Which seed.
        #[arg(long, required_unless_present = "plan")]
        seed: Option<u64>,
        /// A file with a plan.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "mutant"])]
        plan: Option<PathBuf>,
        /// Prints the whole trace.
        #[arg(long)]
        trace: bool,
        /// A bug to plant.
        #[arg(long, value_name = "NAME")]
        mutant: Option<Mutant>,
    },
    /// Prints the plan of a seed as a file, to be edited and run.
    Plan {
        /// Which seed.
        #[arg(long)]
        seed: u64,
        /// A bug to plant.
        #[arg(long, value_name = "NAME")]
        mutant: Option<Mutant>,
    },
    /// Makes the plan in a file small: leaves out what it fails without, by the same checker, and prints the file of what is left.
    Shrink {
        /// The file.
        plan: PathBuf,
    },
    /// Runs many seeds and stops at the first that fails.
    Sweep {
        /// Which seeds: the first, two dots, and the first that is not run.
        #[arg(long, value_name = "A..B", value_parser = parse_seeds)]
        seeds: Range<u64>,
        /// How many run at the same time.
        #[arg(long, default_value_t = 2)]
        jobs: usize,
        /// A bug to plant in all of them.
        #[arg(long, value_name = "NAME")]
        mutant: Option<Mutant>,
    },
    /// Plants each bug in turn and prints who catches it, and how soon.
    Mutants,
    /// Judges the history of any store: is it causally consistent, with one order of writes?
    Check(cli::check::CheckArgs),
    /// Measures the checkers against their goals.
    CheckersBench(cli::checkers_bench::BenchArgs),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run { seed, plan, trace, mutant } => {
            let plan = plan.map_or_else(|| Ok(Plan::draw(seed.unwrap_or_default(), mutant)), |path| read_plan(&path));
            plan.map(|plan| run(plan, if trace { Keep::All } else { Keep::Last(LAST_LINES) }))
        }
        Command::Plan { seed, mutant } => print_plan(&Plan::draw(seed, mutant)),
        Command::Shrink { plan } => read_plan(&plan).and_then(|plan| run_shrink(&plan)),
        Command::Sweep { seeds, jobs, mutant } => Ok(run_sweep(&SweepPlan { seeds, jobs, mutant })),
        Command::Mutants => Ok(run_mutants()),
        Command::Check(args) => Ok(cli::check::run(&args)),
        Command::CheckersBench(args) => Ok(cli::checkers_bench::run(&args)),
    };
    done.unwrap_or_else(|why| {
        eprintln!("causeway-sim: {why}");
        ExitCode::from(2)
    })
}

fn run(plan: Plan, keep: Keep) -> ExitCode {
    println!("{plan}");
    let report = run_plan(plan, keep);
    show(&report);
    ExitCode::from(report.verdict.exit_code())
}

fn read_plan(path: &Path) -> Result<Plan, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    plan_file::read(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn print_plan(plan: &Plan) -> Result<ExitCode, String> {
    print!("{}", plan_file::write(plan).map_err(|error| error.to_string())?);
    Ok(ExitCode::SUCCESS)
}

fn run_shrink(plan: &Plan) -> Result<ExitCode, String> {
    let size = |plan: &Plan| format!("{} faults in {} ms, {} sessions", plan.schedule.len(), plan.faults_ms, plan.load.sessions);
    eprintln!("from {}", size(plan));
    let shrunk = shrink(plan, &|best| eprintln!("run {}: {}", best.runs, size(&best.plan)));
    let shrunk = shrunk.ok_or("the plan passes: there is nothing to find in it")?;
    print_plan(&shrunk.plan)?;
    eprintln!("{} operations, {} runs\n{}", shrunk.report.operations, shrunk.runs, shrunk.report.verdict);
    Ok(ExitCode::from(shrunk.report.verdict.exit_code()))
}

fn run_sweep(plan: &SweepPlan) -> ExitCode {
    let bar = ProgressBar::new(plan.seeds.end.saturating_sub(plan.seeds.start));
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left") {
        bar.set_style(style);
    }
    let report = sweep(plan, |done| bar.set_position(done));
    let took = bar.elapsed();
    bar.finish_and_clear();
    println!("{report}");
    println!("{:.0} seeds a minute with {} jobs", per_minute(report.seeds, took), plan.jobs);
    let Some((seed, first)) = report.failure else { return ExitCode::SUCCESS };
    let again = replay(seed, plan.mutant, &first, Keep::Last(LAST_LINES));
    println!("\n{}", Plan::draw(seed, plan.mutant));
    show(&again);
    let mutant = plan.mutant.map(|mutant| format!(" --mutant {mutant}")).unwrap_or_default();
    println!("replay: cargo run --release -p causeway-sim -- run --seed {seed}{mutant} --trace");
    ExitCode::from(again.verdict.exit_code())
}

fn run_mutants() -> ExitCode {
    println!("{:<26} {:<34} {:>5} {:>10}  property", "mutant", "caught by", "seeds", "operations");
    let mut all_caught = true;
    for mutant in Mutant::ALL {
        let row = hunt(mutant);
        all_caught &= row.is_caught_as_named();
        let remark = if row.is_caught_as_named() { "" } else { "  <- not as named" };
        println!("{row}{remark}");
    }
    if all_caught {
        return ExitCode::SUCCESS;
    }
    println!("not every planted bug is caught by who is named for it within {SEED_LIMIT} seeds");
    ExitCode::FAILURE
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

fn per_minute(seeds: u64, took: Duration) -> f64 {
    seeds as f64 * 60.0 / took.as_secs_f64().max(0.001)
}

fn parse_seeds(text: &str) -> Result<Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("seeds are written A..B")?;
    let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{text}: {error}"));
    Ok(number(from)?..number(to)?)
}
