//! `causeway-sim checkers-bench`: the goals of the checkers, measured. Each row runs in a process of its own, so that its peak of
//! memory is its own; CPU time is that of the process, or of the part that is measured, as the system counts it.
#![expect(clippy::disallowed_macros, reason = "the tool speaks to the terminal")]

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use causeway_sim::blackbox::{
    ABSENT, Action, Anomaly, Conclusion, History, Op, Outcome, Random,
    generate::{Bug, Generated, Generator, Shape},
    judge,
    online::{Online, Seen, Violation, Written},
};
use causeway_sim::{
    plan::Plan,
    run::{Report, Verdict, run_plan, run_unjudged},
    trace::Keep,
};
use clap::{Args, ValueEnum};
use rustix::time::{ClockId, clock_gettime};

use super::check::{judge_file, write_generated};

type Measured = Result<String, Box<dyn Error>>;

/// What `checkers-bench` takes.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Measures this row alone, in this process.
    #[arg(long, value_name = "ROW", requires = "history")]
    row: Option<Row>,
    /// The history that the row is about, or a file that may be written.
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
}

/// One goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Row {
    /// Offline, 1e6 operations, 20 sessions, text to verdict.
    Offline20,
    /// The same with 100 sessions.
    Offline100,
    /// Offline, 1e4 operations, one write in ten a delete.
    Deletes,
    /// Online, 1e7 operations, 20 sessions.
    Online20,
    /// Violations by reads of the initial value, of 1,000 that are planted.
    Initial,
    /// From a failing history of 1e5 operations to a smallest one.
    Smallest,
    /// What judging takes of a simulation's CPU time.
    Judging,
}

impl Row {
    const ALL: [Self; 7] =
        [Self::Offline20, Self::Offline100, Self::Deletes, Self::Online20, Self::Initial, Self::Smallest, Self::Judging];

    fn name(self) -> &'static str {
        match self {
            Self::Offline20 => "offline20",
            Self::Offline100 => "offline100",
            Self::Deletes => "deletes",
            Self::Online20 => "online20",
            Self::Initial => "initial",
            Self::Smallest => "smallest",
            Self::Judging => "judging",
        }
    }

    fn quantity(self) -> &'static str {
        match self {
            Self::Offline20 => "offline, 1e6 operations, 20 sessions, text to verdict",
            Self::Offline100 => "the same, 100 sessions",
            Self::Deletes => "offline, 1e4 operations, a tenth of the writes deletes",
            Self::Online20 => "online, 1e7 operations, 20 sessions",
            Self::Initial => "initial-value violations found",
            Self::Smallest => "smallest history from a failing one of 1e5 operations",
            Self::Judging => "judging, of the CPU time of 20 simulations",
        }
    }

    fn goal(self) -> &'static str {
        match self {
            Self::Offline20 => "<= 0.5 CPU s, <= 120 MB",
            Self::Offline100 => "<= 1.2 CPU s, <= 150 MB",
            Self::Deletes => "decided",
            Self::Online20 => ">= 10 M a CPU s, <= 4 MB",
            Self::Initial => "all",
            Self::Smallest => "<= 10 operations, < 2 s",
            Self::Judging => "<= 10 %",
        }
    }

    /// The history that it reads, if it reads one.
    fn shape(self) -> Option<Shape> {
        match self {
            Self::Offline20 => Some(Shape::default()),
            Self::Offline100 => Some(Shape { sessions: 100, ..Shape::default() }),
            Self::Deletes => {
                Some(Shape { operations: 10_000, keys: 50, delete_percent: 10, probe_percent: 50, ..Shape::default() })
            }
            Self::Smallest => {
                let bug = Some((Bug::NoDependencies, 1));
                Some(Shape { operations: 100_000, keys: 50, probe_percent: 50, bug, ..Shape::default() })
            }
            Self::Online20 | Self::Initial | Self::Judging => None,
        }
    }

    fn measure(self, history: &Path) -> Measured {
        match self {
            Self::Offline20 | Self::Offline100 | Self::Deletes => offline(history),
            Self::Online20 => online(),
            Self::Initial => initial(),
            Self::Smallest => smallest(history),
            Self::Judging => judging(),
        }
    }
}

/// Runs `checkers-bench`.
pub fn run(args: &BenchArgs) -> ExitCode {
    let done = match (args.row, &args.history) {
        (Some(row), Some(history)) => row.measure(history).map(|measured| println!("{measured}")),
        _ => all(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("causeway-sim checkers-bench: {why}");
            ExitCode::from(2)
        }
    }
}

fn all() -> Result<(), Box<dyn Error>> {
    println!("{:<54} {:<44} goal", "quantity", "measured");
    for row in Row::ALL {
        let path = env::temp_dir().join(format!("causeway-history-{}-{}.txt", row.name(), std::process::id()));
        if let Some(shape) = row.shape() {
            write_generated(shape, &path)?;
        }
        let child =
            Command::new(env::current_exe()?).args(["checkers-bench", "--row", row.name(), "--history"]).arg(&path).output()?;
        let measured = if child.status.success() { child.stdout } else { child.stderr };
        println!("{:<54} {:<44} {}", row.quantity(), String::from_utf8_lossy(&measured).trim(), row.goal());
        if row.shape().is_some() {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn offline(path: &Path) -> Measured {
    let report = judge_file(path)?;
    if report.conclusion != Conclusion::Consistent {
        return Err(format!("a valid history is judged: {report}").into());
    }
    Ok(format!("{:.2} CPU s, {:.0} MB", cpu_seconds()?, peak_megabytes()?))
}

fn online() -> Measured {
    const PIECES: usize = 10;
    const PIECE: usize = 1_000_000;
    let shape = Shape { operations: (PIECES * PIECE) as u64, ..Shape::default() };
    let mut online = Online::new(shape.sessions as usize);
    let mut generator = Generator::new(shape);
    let (mut seconds, mut bytes) = (0.0, 0);
    for _ in 0..PIECES {
        let piece: Vec<Generated> = generator.by_ref().take(PIECE).collect();
        let before = cpu_seconds()?;
        for made in &piece {
            feed(&mut online, made).map_err(|violation| violation.to_string())?;
        }
        seconds += cpu_seconds()? - before;
        bytes = bytes.max(online.bytes());
    }
    let rate = (PIECES * PIECE) as f64 / seconds / 1e6;
    Ok(format!("{rate:.1} M a CPU s, {:.2} MB", bytes as f64 / 1e6))
}

fn feed(online: &mut Online, made: &Generated) -> Result<(), Violation> {
    let Generated { op, stamp, .. } = *made;
    let (session, key) = (op.session as u32, op.key as u32);
    match op.action {
        Action::Read if op.value == ABSENT => online.read(session, key, Seen::Absent),
        Action::Read => online.read(session, key, Seen::Version(stamp)),
        Action::Put => online.write(session, key, stamp, Written::Value),
        Action::Delete => online.write(session, key, stamp, Written::Tombstone),
    }
}

/// In each of many valid histories one read that has a write of its key in its session's past is changed to find nothing.
fn initial() -> Measured {
    const HISTORIES: u64 = 1_000;
    let mut found = 0;
    for seed in 0..HISTORIES {
        let mut random = Random::new(seed);
        let shape = Shape { operations: 1_000, sessions: 2 + seed % 20, keys: 20, seed, ..Shape::default() };
        let mut ops: Vec<Op> = Generator::new(shape).map(|made| made.op).collect();
        let knows = |at: &usize| {
            let read = &ops[*at];
            let is_known =
                |op: &Op| op.session == read.session && op.key == read.key && op.value != ABSENT && op.outcome == Outcome::Done;
            read.action == Action::Read && ops[..*at].iter().any(is_known)
        };
        let reads: Vec<usize> = (0..ops.len()).filter(knows).collect();
        let changed = reads[random.below(reads.len() as u64) as usize];
        ops[changed].value = ABSENT;
        let report = judge(&History::of(&ops)?)?;
        if let Conclusion::Violated { shrunk, .. } = report.conclusion {
            found += u64::from(matches!(shrunk.counterexample.anomaly, Anomaly::StaleInitialRead(_)));
        }
    }
    Ok(format!("{found} of {HISTORIES}"))
}

fn smallest(path: &Path) -> Measured {
    match judge_file(path)?.conclusion {
        Conclusion::Violated { shrunk, .. } => {
            Ok(format!("{} operations, {:.2} CPU s ({})", shrunk.ops.len(), cpu_seconds()?, shrunk.counterexample.anomaly))
        }
        other => Err(format!("the planted bug was not found: {other:?}").into()),
    }
}

/// Each seed is run with a judge and without, the same run by its trace, in turns. Of several runs the one that took least counts:
/// what else the machine does makes a run only longer.
fn judging() -> Measured {
    const SEEDS: std::ops::Range<u64> = 1..21;
    const TURNS: usize = 10;
    let (mut judged_ns, mut unjudged_ns) = (0, 0);
    for seed in SEEDS {
        let plan = Plan::draw(seed, None);
        let first = run_plan(plan.clone(), Keep::Nothing);
        let timed_ns = |run: &dyn Fn(Plan) -> Report| {
            let plan = plan.clone();
            let before_ns = cpu_of_all_threads_ns();
            let report = run(plan);
            let took_ns = cpu_of_all_threads_ns() - before_ns;
            let is_same = (report.digest, &report.verdict) == (first.digest, &Verdict::Passed);
            is_same.then_some(took_ns).ok_or_else(|| format!("seed {seed} fails, or gives two runs: {}", first.verdict))
        };
        let (mut judged, mut unjudged) = (i64::MAX, i64::MAX);
        for _ in 0..TURNS {
            judged = judged.min(timed_ns(&|plan| run_plan(plan, Keep::Nothing))?);
            unjudged = unjudged.min(timed_ns(&|plan| run_unjudged(plan, first.replies.clone()))?);
        }
        (judged_ns, unjudged_ns) = (judged_ns + judged, unjudged_ns + unjudged);
    }
    let share = 100.0 - 100.0 * unjudged_ns as f64 / judged_ns as f64;
    Ok(format!("{share:.1} % of {:.2} CPU s", judged_ns as f64 / 1e9))
}

/// A simulation runs on a thread of its own, which is gone when its time is asked for.
fn cpu_of_all_threads_ns() -> i64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// What this process has used so far. It has one thread.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let text = fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds: f64 = text.split_whitespace().next().ok_or("schedstat is empty")?.parse()?;
    Ok(nanoseconds / 1e9)
}

/// The most memory that this process had at once.
fn peak_megabytes() -> Result<f64, Box<dyn Error>> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM in status")?;
    let kibibytes: f64 = line.split_whitespace().next().ok_or("VmHWM is empty")?.parse()?;
    Ok(kibibytes * 1024.0 / 1e6)
}
