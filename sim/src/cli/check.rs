//! `causeway-sim check`: judges the history of any store, writes generated ones, and holds the checker against the oracle.
#![expect(clippy::disallowed_macros, reason = "the tool speaks to the terminal")]

use std::{
    error::Error,
    fs::File,
    io::{BufWriter, Write, stdin},
    path::{Path, PathBuf},
    process::ExitCode,
};

use causeway_sim::blackbox::{
    Agreement, Alphabet, Conclusion, Report, Scope,
    generate::{Bug, Generator, Shape},
    judge, text,
};
use clap::{Args, ValueEnum};

/// The exit code for a history that is a violation.
const SAFETY: u8 = 11;
/// The exit code for a history that could not be decided.
const UNDECIDED: u8 = 3;

/// What `check` takes.
///
/// Examples:
///   causeway-sim check history.txt
///   causeway-sim check --generate broken.txt --operations 100000 --keys 10 --probes 50 --bug no-dependencies
///   causeway-sim check --exhaustive
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct CheckArgs {
    /// The history, one operation a line: r(key,value,session,transaction), w(...), d(...); `-` reads standard input.
    #[arg(required_unless_present_any = ["generate", "exhaustive"])]
    file: Option<PathBuf>,
    /// Writes the smallest history that is wrong in the same way to this file.
    #[arg(long, value_name = "FILE")]
    smallest: Option<PathBuf>,
    /// Writes a generated history to this file instead.
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    generate: Option<PathBuf>,
    /// Holds the checker against the oracle instead: all histories of 3 sessions x 3 operations x 2 keys, of 3 x 2 x 2 with deletes
    /// and unknown outcomes, and a million random ones. Takes a minute.
    #[arg(long, conflicts_with_all = ["file", "generate"])]
    exhaustive: bool,
    #[command(flatten)]
    shape: ShapeArgs,
}

/// What is generated.
#[derive(Debug, Args)]
struct ShapeArgs {
    /// Operations.
    #[arg(long, default_value_t = 1_000_000)]
    operations: u64,
    /// Sessions.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    sessions: u64,
    /// Keys.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    keys: u64,
    /// How many of a hundred operations read.
    #[arg(long, default_value_t = 50)]
    reads: u64,
    /// How many of a hundred writes are deletes.
    #[arg(long, default_value_t = 0)]
    deletes: u64,
    /// How many of a hundred writes get no answer.
    #[arg(long, default_value_t = 0)]
    unknown: u64,
    /// How many of a hundred reads ask for what the last one depends on.
    #[arg(long, default_value_t = 0)]
    probes: u64,
    /// Reads in a transaction.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    reads_at_once: u64,
    /// What is wrong with the store.
    #[arg(long)]
    bug: Option<BugName>,
    /// The bug shows once in so many chances.
    #[arg(long, default_value_t = 1)]
    once_in: u64,
    /// Where the choices come from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What can be wrong with the generated store.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum BugName {
    /// Writes are applied without what they depend on.
    NoDependencies,
    /// The write that arrives last wins.
    LastArrivalWins,
    /// A read finds nothing where there is something.
    Forgets,
    /// A read returns the version before.
    ReturnsTheOlder,
    /// Half of a transaction's reads are of another replica.
    TwoSnapshots,
}

impl BugName {
    fn bug(self) -> Bug {
        match self {
            Self::NoDependencies => Bug::NoDependencies,
            Self::LastArrivalWins => Bug::LastArrivalWins,
            Self::Forgets => Bug::Forgets,
            Self::ReturnsTheOlder => Bug::ReturnsTheOlder,
            Self::TwoSnapshots => Bug::TwoSnapshots,
        }
    }
}

impl ShapeArgs {
    fn shape(&self) -> Shape {
        Shape {
            operations: self.operations,
            sessions: self.sessions,
            keys: self.keys,
            read_percent: self.reads,
            delete_percent: self.deletes,
            unknown_percent: self.unknown,
            probe_percent: self.probes,
            reads_at_once: self.reads_at_once,
            bug: self.bug.map(|name| (name.bug(), self.once_in)),
            seed: self.seed,
            ..Shape::default()
        }
    }
}

/// Runs `check`.
///
/// Exit codes: 0 consistent, 11 a violation, 3 undecided, 2 no history.
pub fn run(args: &CheckArgs) -> ExitCode {
    let done = match (&args.generate, &args.file) {
        _ if args.exhaustive => Ok(run_exhaustive()),
        (Some(path), _) => write_generated(args.shape.shape(), path).map(|()| ExitCode::SUCCESS),
        (None, Some(path)) => run_file(path, args.smallest.as_deref()),
        (None, None) => Ok(ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|why| {
        eprintln!("causeway-sim check: {why}");
        ExitCode::from(2)
    })
}

/// Judges the history in a file.
///
/// # Errors
/// It cannot be read, or is none.
pub fn judge_file(path: &Path) -> Result<Report, Box<dyn Error>> {
    let history = if path.as_os_str() == "-" {
        text::read(stdin().lock())?
    } else {
        text::read(File::open(path).map_err(|error| format!("{}: {error}", path.display()))?)?
    };
    Ok(judge(&history)?)
}

/// Writes a generated history to a file, as it comes.
///
/// # Errors
/// It cannot be written.
pub fn write_generated(shape: Shape, path: &Path) -> Result<(), Box<dyn Error>> {
    let mut file = BufWriter::new(File::create(path).map_err(|error| format!("{}: {error}", path.display()))?);
    for made in Generator::new(shape) {
        writeln!(file, "{}", made.op)?;
    }
    Ok(file.flush()?)
}

fn run_file(path: &Path, smallest: Option<&Path>) -> Result<ExitCode, Box<dyn Error>> {
    let report = judge_file(path)?;
    println!("{report}");
    Ok(match &report.conclusion {
        Conclusion::Consistent => ExitCode::SUCCESS,
        Conclusion::Undecided => ExitCode::from(UNDECIDED),
        Conclusion::Violated { shrunk, .. } => {
            if let Some(path) = smallest {
                let mut file = File::create(path)?;
                shrunk.ops.iter().try_for_each(|op| writeln!(file, "{op}"))?;
            }
            ExitCode::from(SAFETY)
        }
    })
}

fn run_exhaustive() -> ExitCode {
    let scope = |operations, alphabet| Agreement::of_scope(Scope { sessions: 3, operations, alphabet });
    let mut differ = 0;
    let mut tell = |what: &str, agreement: Agreement| {
        println!("{what}: {agreement}");
        differ += agreement.differ;
    };
    tell("3 sessions x 3 operations x 2 keys, puts and reads", scope(3, Alphabet::PutsAndReads));
    tell("3 sessions x 2 operations x 2 keys, with deletes and unknown outcomes", scope(2, Alphabet::All));
    tell("random, up to 10 operations of all kinds", Agreement::of_samples(2, 1_000_000, 10));
    if differ == 0 { ExitCode::SUCCESS } else { ExitCode::from(SAFETY) }
}
