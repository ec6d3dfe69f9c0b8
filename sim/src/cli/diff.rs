//! `causeway-sim diff`: where two runs part, and what one event makes of a failing run.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::AtomicBool,
    time::Duration,
};

use causeway::mutant::Mutant;
use causeway_sim::{
    capsule,
    diff::{Divergence, first_divergence, read_trace},
    plan::file,
    relative::{Pair, nearest_passing},
    sweep::{
        job::{Job, Source, Wanted},
        process::Workshop,
    },
    trace::Line,
};
use serde_json::{Value, json};

use super::{Outcome, exit, input, interrupt};

/// How long a run may take on the clock on the wall.
const LIMIT: Duration = Duration::from_secs(600);

const EXAMPLES: &str = "\
Examples:
  causeway-sim diff --seed 7 --seed 7                    is a seed one run? each side has a process of its own
  causeway-sim diff 7.toml edited.toml                   what an edit of a plan changes first
  causeway-sim diff capsules/seed-7.left.jsonl capsules/seed-7.right.jsonl
  causeway-sim diff --without-one small.toml             which event makes it fail, and what it changes

The exit code is 1 when the sides differ; with --without-one, 1 when no single event makes the plan pass.";

/// `causeway-sim diff`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DiffArgs {
    /// A capsule, a file with a plan, or one with a trace, one line of JSON each
    #[arg(value_name = "FILE", num_args = 0..=2)]
    files: Vec<PathBuf>,
    /// A side that is a seed
    #[arg(long)]
    seed: Vec<u64>,
    /// A bug to plant in the seeds
    #[arg(long, value_name = "NAME", requires = "seed")]
    mutant: Option<Mutant>,
    /// Compare a failing plan with its nearest passing relative: the plan with one event less for which the run passes
    #[arg(long, value_name = "PLAN", conflicts_with_all = ["files", "seed"])]
    without_one: Option<PathBuf>,
    /// Print what differs as JSON
    #[arg(long)]
    json: bool,
}

/// One side of a comparison.
enum Side {
    Run(Source),
    Trace(Vec<Line>),
}

impl DiffArgs {
    pub(super) fn run(self) -> Outcome {
        let json = self.json;
        if let Some(path) = &self.without_one {
            return without_one(path, json);
        }
        let sides = self.sides()?;
        let Some(divergence) = interrupt::unless_interrupted(move || compare(sides))? else {
            println!("interrupted before a difference was found");
            return Ok(ExitCode::from(exit::INTERRUPTED));
        };
        let divergence = divergence?;
        if json {
            println!("{}", input::json(&divergence.as_ref().map(data))?);
        } else {
            println!("{}", divergence.as_ref().map_or_else(|| "no difference".to_owned(), ToString::to_string));
        }
        Ok(ExitCode::from(if divergence.is_some() { exit::FOUND } else { 0 }))
    }

    fn sides(self) -> Result<[Side; 2], String> {
        let mutant = self.mutant;
        let seeds = self.seed.into_iter().map(|seed| Ok(Side::Run(Source::Seed { seed, mutant })));
        let sides: Vec<Side> = seeds.chain(self.files.iter().map(|path| side_of(path))).collect::<Result<_, String>>()?;
        let given = sides.len();
        sides.try_into().map_err(|_| format!("two sides are compared, not {given}: seeds, plans or traces"))
    }
}

/// A file that begins as an object of JSON is a capsule, or else a trace.
fn side_of(path: &Path) -> Result<Side, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if text.starts_with('{') {
        let capsule = capsule::read(&text).ok().map(|capsule| capsule.evidence.trace);
        let trace = capsule.map_or_else(|| read_trace(path).map_err(|error| format!("{}: {error}", path.display())), Ok);
        return trace.map(Side::Trace);
    }
    file::read(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Side::Run(Source::File(text)))
}

fn compare(sides: [Side; 2]) -> Result<Option<Divergence>, String> {
    let folder = env::temp_dir().join(format!("causeway-sim-{}", std::process::id()));
    let [left, right] = sides;
    let (left, right) = (left.trace(&folder.join("left.jsonl")), right.trace(&folder.join("right.jsonl")));
    // The traces are in memory now; the folder is left where it cannot be removed.
    let _ = std::fs::remove_dir_all(&folder);
    Ok(first_divergence(left?, right?))
}

impl Side {
    /// Its trace: of a run, from a process of its own.
    fn trace(self, path: &Path) -> Result<Vec<Line>, String> {
        let source = match self {
            Self::Trace(lines) => return Ok(lines),
            Self::Run(source) => source,
        };
        let program = env::current_exe().map_err(|error| format!("where is this program? {error}"))?;
        let worker = Workshop::new(program, Vec::new()).start().map_err(|error| format!("no process: {error}"))?;
        let job = Job { what: source, wanted: Wanted::Trace(path.to_owned()) };
        worker.ask(&job, LIMIT, &AtomicBool::new(false)).map_err(|why| why.to_string())?;
        read_trace(path).map_err(|error| format!("{}: {error}", path.display()))
    }
}

fn without_one(path: &Path, json: bool) -> Outcome {
    let plan = input::read_plan(path)?;
    let Some(pair) = interrupt::unless_interrupted(move || nearest_passing(&plan))? else {
        println!("interrupted before a relative was found");
        return Ok(ExitCode::from(exit::INTERRUPTED));
    };
    let shown = match (&pair, json) {
        (Ok(pair), false) => pair.to_string(),
        (Err(why), false) => why.to_string(),
        (Ok(pair), true) => input::json(&pair_data(pair))?,
        (Err(why), true) => input::json(&json!({ "passes_without": null, "why": why.to_string() }))?,
    };
    println!("{shown}");
    Ok(ExitCode::from(if pair.is_ok() { 0 } else { exit::FOUND }))
}

fn data(divergence: &Divergence) -> Value {
    let Divergence { common, before, left, right } = divergence;
    json!({ "common_lines": common, "before": before, "left": left, "right": right })
}

fn pair_data(pair: &Pair) -> Value {
    let differences = &pair.comparison;
    let outcomes = differences.outcomes.iter().map(|(operation, [with, without])| {
        let show = |outcome: &Option<_>| outcome.map(|outcome: causeway_sim::history::Outcome| outcome.to_string());
        json!({ "op": operation.id, "with": show(with), "without": show(without) })
    });
    let applied = differences.applied.iter().map(|(place, [with, without])| {
        json!({ "key": place.key, "node": place.node, "op": place.write, "with_us": with, "without_us": without })
    });
    let messages = differences.messages.iter().map(|(delivery, [with, without])| {
        json!({ "op": delivery.write, "from": delivery.from, "to": delivery.to, "with_us": with, "without_us": without })
    });
    json!({
        "fails": pair.fails.verdict.to_string(),
        "passes_without": pair.event.to_string(),
        "and_without": pair.others.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "relatives_tried": pair.tried,
        "from_us": differences.window_us.0,
        "to_us": differences.window_us.1,
        "outcomes": outcomes.collect::<Vec<_>>(),
        "applied": applied.collect::<Vec<_>>(),
        "messages": messages.collect::<Vec<_>>(),
    })
}
