//! The command line. One file a command; its text goes to standard output, progress and complaints to standard error.

#![expect(clippy::disallowed_macros, reason = "this is what speaks to the terminal")]

mod check;
mod checkers_bench;
mod diff;
mod doom;
mod exit;
mod explain;
mod input;
mod interrupt;
mod mutants;
mod plan;
mod replay;
mod review;
mod run;
mod scenario;
mod server;
mod shrink;
mod sweep;
mod torture;
mod worker;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a command comes to: an exit code, or what is wrong with what was asked.
type Outcome = Result<ExitCode, String>;

/// Deterministic simulation of a Causeway cluster.
#[derive(Debug, Parser)]
#[command(name = "causeway-sim", version, about, after_help = exit::CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Run one seed, or the plan in a file, and print the plan, the end of the trace and the verdict
    Run(run::RunArgs),
    /// Print the plan of a seed as a file, to be edited and run
    Plan(plan::PlanArgs),
    /// Run many seeds in worker processes and sort their failures
    Sweep(sweep::SweepArgs),
    /// Run what a capsule holds, and say whether it still fails
    Replay(replay::ReplayArgs),
    /// Draw a failure, a seed or a plan as one HTML page
    Explain(explain::ExplainArgs),
    /// Make a failing plan small: leave out what it fails without, and print what is left
    Shrink(shrink::ShrinkArgs),
    /// Show where two runs part, or what one event makes of a failing run
    Diff(diff::DiffArgs),
    /// Find the event from which on a failing run can no longer be saved
    Doom(doom::DoomArgs),
    /// Judge the history of any store: is it causally consistent, with one order of writes?
    Check(check::CheckArgs),
    /// Measure the checkers against their goals
    CheckersBench(checkers_bench::BenchArgs),
    /// Tell a scenario and print the account
    Scenario(scenario::ScenarioArgs),
    /// Make a page of the snapshots that changed: old and new beside each other
    Review(review::ReviewArgs),
    /// Plant each bug in turn and print who catches it, and how soon
    Mutants(mutants::MutantsArgs),
    /// Do to real nodes what a run does to simulated ones: kill them, cut them off, fill their disks, and judge what clients see
    Torture(torture::TortureArgs),
    /// What a sweep's processes are
    #[command(hide = true)]
    Worker(worker::WorkerArgs),
    /// A node with a planted bug
    #[command(hide = true)]
    Server(server::ServerArgs),
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(args) => args.run(),
        Command::Plan(args) => args.run(),
        Command::Sweep(args) => args.run(),
        Command::Replay(args) => replay::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Shrink(args) => args.run(),
        Command::Diff(args) => args.run(),
        Command::Doom(args) => args.run(),
        Command::Check(args) => Ok(check::run(&args)),
        Command::CheckersBench(args) => Ok(checkers_bench::run(&args)),
        Command::Scenario(args) => scenario::run(&args),
        Command::Review(args) => review::run(&args),
        Command::Mutants(args) => args.run(),
        Command::Torture(args) => args.run(),
        Command::Worker(args) => args.run(),
        Command::Server(args) => args.run(),
    };
    done.unwrap_or_else(|why| {
        eprintln!("causeway-sim: {why}");
        ExitCode::from(exit::USAGE)
    })
}
