//! `causeway-sim`: runs seeds, sweeps over many, and shows which checker catches which planted bug.
#![expect(clippy::disallowed_macros, reason = "the tool speaks to the terminal")]

mod cli;

use std::{ops::Range, path::PathBuf, process::ExitCode, time::Duration};

use causeway::mutant::Mutant;
use causeway_sim::{
    capsule::Capsule,
    checker::CHECKERS,
    mutants::{Converse, converse, quick, score},
    plan::{Plan, file},
    run::{Report, Verdict, run_plan},
    shrink::shrink,
    sweep::{SweepPlan, replay, sweep},
    trace::Keep,
};
use clap::{Parser, Subcommand};
use cli::read_plan;
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
    /// Plants each bug in turn and prints who catches it, how soon, and how small a plan shows it.
    Mutants {
        /// Only this bug; all, if none is given.
        #[arg(value_name = "NAME")]
        mutants: Vec<Mutant>,
        /// Hunts once, from a recorded seed on, and shrinks nothing.
        #[arg(long)]
        quick: bool,
        /// Leaves a checker out, or each in turn, and prints who then catches the bugs that it is named for.
        #[arg(long, value_name = "CHECKER or all", conflicts_with_all = ["quick", "json", "mutants"])]
        without: Option<String>,
        /// How many hunts go on at the same time.
        #[arg(long, default_value_t = 2)]
        jobs: usize,
        /// Prints the score as JSON.
        #[arg(long)]
        json: bool,
    },
    Replay(cli::replay::ReplayArgs),
    Explain(cli::explain::ExplainArgs),
    /// Tells a scenario and prints the account.
    Scenario(cli::scenario::ScenarioArgs),
    /// Makes a page of the snapshots that changed: old and new beside each other.
    Review(cli::review::ReviewArgs),
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
        Command::Mutants { without: Some(checker), jobs, .. } => run_converse(&checker, jobs),
        Command::Mutants { mutants, quick, jobs, json, .. } => {
            let mutants = if mutants.is_empty() { Mutant::ALL.to_vec() } else { mutants };
            let hunts = if quick { Hunts::Quick } else { Hunts::Full };
            run_mutants(&mutants, &hunts, jobs, if json { Output::Json } else { Output::Text })
        }
        Command::Replay(args) => cli::replay::run(&args),
        Command::Explain(args) => cli::explain::run(&args),
        Command::Scenario(args) => cli::scenario::run(&args),
        Command::Review(args) => cli::review::run(&args),
    };
    done.unwrap_or_else(|why| {
        eprintln!("causeway-sim: {why}");
        ExitCode::from(2)
    })
}

fn run(plan: Plan, keep: Keep) -> ExitCode {
    println!("{}", plan.summary());
    let report = run_plan(plan, keep);
    show(&report);
    ExitCode::from(report.verdict.exit_code())
}

fn print_plan(plan: &Plan) -> Result<ExitCode, String> {
    print!("{}", file::write(plan).map_err(|error| error.to_string())?);
    Ok(ExitCode::SUCCESS)
}

fn run_shrink(plan: &Plan) -> Result<ExitCode, String> {
    let size = |plan: &Plan| {
        let (faults, operations, sessions) = (plan.faults.len(), plan.operations.len(), plan.sessions());
        format!("{operations} operations of {sessions} sessions, {faults} faults in {} ms", plan.faults_ms)
    };
    eprintln!("from {}", size(plan));
    let shrunk = shrink(plan, &|best| eprintln!("run {}: {}", best.runs, size(&best.plan)));
    let shrunk = shrunk.ok_or("the plan passes: there is nothing to find in it")?;
    let whole = run_plan(plan.clone(), Keep::All);
    let mut capsule = Capsule::pack(std::env::args().collect::<Vec<_>>().join(" "), plan.clone(), &whole);
    capsule.add_shrunk(shrunk.plan.clone(), &run_plan(shrunk.plan.clone(), Keep::All));
    let path = capsule.save(std::path::Path::new("capsules")).map_err(|error| error.to_string())?;
    eprintln!("{}", path.display());
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
    println!("\n{}", Plan::draw(seed, plan.mutant).summary());
    show(&again);
    let mutant = plan.mutant.map(|mutant| format!(" --mutant {mutant}")).unwrap_or_default();
    println!("replay: cargo run --release -p causeway-sim -- run --seed {seed}{mutant} --trace");
    ExitCode::from(again.verdict.exit_code())
}

enum Hunts {
    Quick,
    Full,
}

#[derive(PartialEq)]
enum Output {
    Text,
    Json,
}

fn run_mutants(mutants: &[Mutant], hunts: &Hunts, jobs: usize, output: Output) -> Result<ExitCode, String> {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} hunts, {elapsed}, {eta} left") {
        bar.set_style(style);
    }
    let scores = match hunts {
        Hunts::Quick => {
            bar.set_length(mutants.len() as u64);
            quick(mutants, jobs, &|| bar.inc(1))
        }
        Hunts::Full => {
            bar.set_length(5 * mutants.len() as u64);
            score(mutants, jobs, &|| bar.inc(1))
        }
    };
    bar.finish_and_clear();
    match output {
        Output::Text => println!("{scores}"),
        Output::Json => println!("{}", serde_json::to_string_pretty(&scores).map_err(|error| error.to_string())?),
    }
    Ok(if scores.are_all_caught() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_converse(checker: &str, jobs: usize) -> Result<ExitCode, String> {
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
    Ok(ExitCode::FAILURE)
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
