//! `causeway-sim replay`: runs what a capsule holds, and says whether it still fails.

use std::{path::PathBuf, process::ExitCode};

use causeway_sim::{
    capsule::{Again, Capsule, commit},
    run::run_plan,
    trace::Keep,
};
use clap::Args;

use super::input::capsule_at;

/// Exit code when the run is not the one that the capsule holds.
const NON_DETERMINISM: u8 = 13;

/// Runs the plan of a capsule: on the commit that failed, to see it happen again; on another, to learn whether it is fixed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway-sim replay capsules/seed-7-a2_reads.capsule.json                    the small plan, byte for byte
  causeway-sim replay capsules/seed-7-a2_reads.capsule.json --whole            the plan that was found
  causeway-sim replay capsules/seed-7-a2_reads.capsule.json --on-this-commit   fixed, same failure or other failure

Exit codes: 0 fixed, 10 to 12 it fails (the kind of failure), 13 not the run that was recorded, 2 not this commit.")]
pub struct ReplayArgs {
    /// The file that a failure wrote.
    capsule: PathBuf,
    /// Runs it although this is not the commit that failed, and compares the failures.
    #[arg(long)]
    on_this_commit: bool,
    /// Runs the plan that was found, not the small one.
    #[arg(long)]
    whole: bool,
    /// Prints the trace.
    #[arg(long)]
    trace: bool,
}

/// Runs it.
///
/// # Errors
/// The file is no capsule, or of another commit.
pub fn run(args: &ReplayArgs) -> Result<ExitCode, String> {
    let capsule = capsule_at(&args.capsule)?;
    let this = commit();
    if !args.on_this_commit && this != capsule.commit {
        let theirs = &capsule.commit;
        return Err(format!("it failed on commit {theirs}, and this is {this}: say --on-this-commit to compare"));
    }
    let Capsule { found, .. } = &capsule;
    let failure = if args.whole { found } else { capsule.smallest() };
    println!("{}", failure.plan.summary());
    let report = run_plan(failure.plan.clone(), if args.trace { Keep::All } else { Keep::Nothing });
    report.trace.iter().for_each(|line| println!("{line}"));
    let again = failure.compare(&report);
    println!("recorded: {}\nnow:      {}\n{again}", failure.verdict, report.verdict);
    let changed = !args.on_this_commit && again != Again::Identical;
    Ok(ExitCode::from(if changed { NON_DETERMINISM } else { report.verdict.exit_code() }))
}
