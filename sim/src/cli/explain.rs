//! `causeway-sim explain`: draws a failure, a seed or a plan.

use std::{fs, path::PathBuf, process::ExitCode};

use causeway::mutant::Mutant;
use causeway_sim::{
    capsule::{Evidence, Failure, commit},
    explain::drawn,
    picture::{Scene, Standing, page, shiviz},
    plan::Plan,
    run::{Verdict, run_plan},
    trace::Keep,
};
use clap::Args;

use super::input::{capsule_at, read_plan};

/// Writes one HTML page that needs nothing else: a space-time diagram with the violated dependency in red, the violation in plain
/// English, and the plan.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway-sim explain capsules/seed-7-a2_reads.capsule.json         writes seed-7-a2_reads.html beside it
  causeway-sim explain --seed 7 --output seed-7.html                 any seed
  causeway-sim explain --plan tests/regressions/log-end.toml         any plan
  causeway-sim explain capsules/seed-7-a2_reads.capsule.json --shiviz   for ShiViz")]
pub struct ExplainArgs {
    /// The file that a failure wrote.
    #[arg(required_unless_present_any = ["seed", "plan"], conflicts_with_all = ["seed", "plan"])]
    capsule: Option<PathBuf>,
    /// A seed to run and draw.
    #[arg(long, conflicts_with = "plan")]
    seed: Option<u64>,
    /// A bug to plant in the seed.
    #[arg(long, value_name = "NAME", requires = "seed")]
    mutant: Option<Mutant>,
    /// A file with a plan to run and draw.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Where the page goes: beside the capsule or the plan if nothing is said.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Writes the log format of ShiViz instead.
    #[arg(long)]
    shiviz: bool,
}

/// Draws it.
///
/// # Errors
/// There is nothing to draw, or nowhere to write.
pub fn run(args: &ExplainArgs) -> Result<ExitCode, String> {
    let (scene, beside) = match &args.capsule {
        Some(path) => {
            let capsule = capsule_at(path)?;
            let Failure { plan, verdict, .. } = capsule.smallest();
            (drawn(plan, (Standing::Failed, verdict), &capsule.evidence, &capsule.commit), path.clone())
        }
        None => draw_plan(args)?,
    };
    let (text, extension) = if args.shiviz { (shiviz(&scene), "shiviz.log") } else { (page(&scene), "html") };
    let path = args.output.clone().unwrap_or_else(|| {
        let name = beside.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let stem = name.strip_suffix(".capsule.json").or_else(|| name.strip_suffix(".toml")).unwrap_or(&name).to_owned();
        beside.with_file_name(format!("{stem}.{extension}"))
    });
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("{}", path.display());
    Ok(ExitCode::SUCCESS)
}

fn draw_plan(args: &ExplainArgs) -> Result<(Scene, PathBuf), String> {
    let (plan, beside) = match (&args.plan, args.seed) {
        (Some(path), _) => (read_plan(path)?, path.clone()),
        (None, seed) => {
            let seed = seed.unwrap_or_default();
            (Plan::draw(seed, args.mutant), PathBuf::from(format!("seed-{seed}")))
        }
    };
    let report = run_plan(plan.clone(), Keep::All);
    let standing = if report.verdict == Verdict::Passed { Standing::Passed } else { Standing::Failed };
    let evidence = Evidence::of(&report);
    Ok((drawn(&plan, (standing, &report.verdict.to_string()), &evidence, &commit()), beside))
}
