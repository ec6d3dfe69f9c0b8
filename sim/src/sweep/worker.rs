//! One worker process of a sweep, from the inside: it reads jobs, runs each on a fresh thread, and says what came of it.
//!
//! It ends with its input, in the middle of a run if need be: a parent that is gone leaves nobody behind.

#![expect(clippy::disallowed_methods, reason = "runs are done beside the thread that reads, and some never end")]

use std::{
    fs,
    io::{self, BufRead, BufWriter, Write},
    panic,
    path::{Path, PathBuf},
    process::abort,
    sync::{Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

use crate::{
    history::OpId,
    plan::Plan,
    run::{Report, Verdict, Window, run_plan, run_watched},
    sweep::{
        capsule::{write_capsule, write_small},
        job::{Job, Reply, SeedReport, Small, Wanted},
        sabotage::Sabotage,
    },
    trace::{Keep, Line},
};

/// What a worker is told when it starts.
#[derive(Debug, Clone, Default)]
pub struct WorkerPlan {
    /// Which worker of its sweep.
    pub number: u32,
    /// What it breaks.
    pub sabotage: Vec<Sabotage>,
}

/// Where the last panic was, for the verdict of the run that it ended.
static LAST_PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Reads jobs and writes replies until the input ends.
///
/// # Errors
/// The input cannot be read.
pub fn serve(plan: WorkerPlan, input: impl BufRead, output: impl Write + Send + 'static) -> io::Result<()> {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
        *LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }));
    let (jobs, to_do) = mpsc::channel();
    // Nobody waits for it: when the input ends, so does the process.
    thread::spawn(move || work(&plan, &to_do, output));
    for line in input.lines() {
        let job: Job = serde_json::from_str(&line?)?;
        if jobs.send(job).is_err() {
            break;
        }
    }
    Ok(())
}

fn work(plan: &WorkerPlan, to_do: &mpsc::Receiver<Job>, mut output: impl Write) {
    for job in to_do {
        let answered = plan.perform(&job).and_then(|reply| writeln!(output, "{}", serde_json::to_string(&reply)?));
        if let Err(error) = answered.and_then(|()| output.flush()) {
            // The parent hears an end instead of an answer, and looks here for the reason.
            let _ = writeln!(io::stderr(), "{error}");
            abort();
        }
    }
}

impl WorkerPlan {
    fn perform(&self, job: &Job) -> io::Result<Reply> {
        let before_us = cpu_us();
        let mut plan = job.what.plan().map_err(io::Error::other)?;
        self.break_something(&mut plan);
        let seed = plan.seed;
        let keep = if matches!(job.wanted, Wanted::Verdict | Wanted::Small(..)) { Keep::Nothing } else { Keep::All };
        let report = match &job.wanted {
            Wanted::Unended(_, within_s) => run_within(&plan, Duration::from_secs(*within_s)),
            _ => run(&plan, keep),
        };
        let mut small = None;
        let file = match &job.wanted {
            Wanted::Verdict => None,
            Wanted::Small(folder, within_s) => {
                small = make_small(folder, &plan, Duration::from_secs(*within_s))?;
                None
            }
            Wanted::Trace(path) => Some(write_trace(path, &report.trace)?),
            Wanted::Capsule(folder) | Wanted::Unended(folder, _) => {
                Some(write_capsule(folder, &plan, &report).map_err(io::Error::other)?)
            }
        };
        Ok(Reply { report: SeedReport::of(seed, &report), cpu_us: cpu_us() - before_us, file, small })
    }

    fn break_something(&self, plan: &mut Plan) {
        for sabotage in &self.sabotage {
            match *sabotage {
                Sabotage::Abort(seed) if seed == plan.seed => abort(),
                Sabotage::Hang(seed) if seed == plan.seed => thread::sleep(Duration::MAX),
                Sabotage::Differ(seed) if seed == plan.seed => self.leave_one_out(plan),
                _ => {}
            }
        }
    }

    /// A different one in each worker.
    fn leave_one_out(&self, plan: &mut Plan) {
        plan.operations.retain(|planned| planned.op != OpId(self.number));
    }
}

fn run(plan: &Plan, keep: Keep) -> Report {
    let mut report = run_plan(plan.clone(), keep);
    if let Verdict::Crash(text) = &mut report.verdict
        && let Some(place) = LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner).take()
    {
        *text = format!("{text} ({place})");
    }
    report
}

/// Runs a plan on a thread that is left alone when it does not end in time.
fn run_within(plan: &Plan, limit: Duration) -> Report {
    let window = Window::default();
    let (sender, done) = mpsc::channel();
    let (plan, seen) = (plan.clone(), window.clone());
    thread::spawn(move || {
        // Nobody takes it when it comes too late.
        let _ = sender.send(run_watched(plan, Keep::All, seen));
    });
    let hangs = || Verdict::Crash(format!("hangs: no end within {} s", limit.as_secs()));
    done.recv_timeout(limit).unwrap_or_else(|_| window.report(hangs()))
}

fn make_small(folder: &Path, plan: &Plan, limit: Duration) -> io::Result<Option<Small>> {
    let began = Instant::now();
    write_small(folder, plan, &|| began.elapsed() < limit).map_err(io::Error::other)
}

/// Writes a trace as JSON, one line a line. Returns where.
///
/// # Errors
/// The file cannot be written.
pub fn write_trace(path: &Path, trace: &[Line]) -> io::Result<PathBuf> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = BufWriter::new(fs::File::create(path)?);
    for line in trace {
        serde_json::to_writer(&mut file, line)?;
        file.write_all(b"\n")?;
    }
    file.flush()?;
    Ok(path.to_owned())
}

/// CPU time that this process has used, by a direct call: madsim takes the place of libc's clocks.
fn cpu_us() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1_000
}
