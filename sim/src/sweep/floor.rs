//! The floor on which a sweep's workers stand: at each bench one worker process at a time, and who hands seeds to it.

use std::{
    collections::VecDeque,
    io,
    path::PathBuf,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use xxhash_rust::xxh3::xxh3_64;

use crate::{
    diff::{first_divergence, read_trace},
    parallel,
    plan::Plan,
    run::{Report, Verdict},
    sweep::{
        Progress, Step, SweepPlan,
        canary::{Breed, Canary},
        capsule::write_capsule,
        job::{Failure, FailureKind, Job, Reply, SeedReport, Source, Wanted},
        process::{NoReply, Worker, Workshop},
        sabotage::Sabotage,
        tally::{Found, Name, SweepReport},
    },
};

/// See the module.
pub(super) struct Floor<'a> {
    plan: &'a SweepPlan,
    workshop: Workshop,
    stop: &'a AtomicBool,
    progress: Progress<'a>,
    state: Mutex<State>,
}

struct State {
    seeds: Box<dyn Iterator<Item = u64> + Send>,
    repeats: VecDeque<Repeat>,
    report: SweepReport,
    broken: Option<io::Error>,
}

/// A seed that was run and is to be run again.
struct Repeat {
    first: Box<SeedReport>,
    /// By whom it was run.
    worker: u32,
}

enum Task {
    Seed(u64),
    Repeat(Repeat),
}

/// Where a worker process stands, if one does.
type Bench = Option<Worker>;

impl<'a> Floor<'a> {
    pub fn new(plan: &'a SweepPlan, stop: &'a AtomicBool, progress: Progress<'a>) -> Self {
        let (count, first) = (plan.own_seeds().count() as u64, plan.own_seeds().next());
        let report = SweepReport::new(plan.mutant, count, Canary::of(first.unwrap_or_default()));
        let state = State { seeds: Box::new(plan.own_seeds()), repeats: VecDeque::new(), report, broken: None };
        let workshop = Workshop::new(plan.program.clone(), plan.sabotage.clone());
        Self { plan, workshop, stop, progress, state: Mutex::new(state) }
    }

    /// What was found.
    pub fn close(self) -> io::Result<SweepReport> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.broken.map_or(Ok(state.report), Err)
    }

    /// What one bench does until nothing is left. The first begins with the canary.
    pub fn work(&self, number: usize) {
        let mut bench = None;
        if number == 0 {
            self.fly_canary(&mut bench);
        }
        while let Some(task) = self.next_task(&bench) {
            let done = match task {
                Task::Seed(seed) => self.run(&mut bench, seed),
                Task::Repeat(repeat) => self.run_again(&mut bench, &repeat),
            };
            if let Err(error) = done {
                self.state().broken.get_or_insert(error);
            }
        }
    }

    /// Repetitions that another worker can do come first, seeds next, and those last that this worker must leave to a new one.
    fn next_task(&self, bench: &Bench) -> Option<Task> {
        let mut state = self.state();
        if self.stop.load(Ordering::Relaxed) || state.broken.is_some() {
            return None;
        }
        let me = bench.as_ref().map(Worker::number);
        if let Some(place) = state.repeats.iter().position(|repeat| Some(repeat.worker) != me) {
            return state.repeats.remove(place).map(Task::Repeat);
        }
        if state.report.failures() >= self.plan.max_failures {
            return None;
        }
        let seed = state.seeds.next().map(Task::Seed);
        seed.or_else(|| state.repeats.pop_front().map(Task::Repeat))
    }

    fn fly_canary(&self, bench: &mut Bench) {
        let mut canary = self.state().report.canary.clone();
        let Some(first) = self.plan.own_seeds().next() else { return };
        let breed = if self.plan.sabotage.contains(&Sabotage::DudCanary) { Breed::Dud } else { Breed::True };
        canary.fly(first..first.saturating_add(self.plan.canary_seeds), breed, |job| self.ask(bench, job).ok()?.ok());
        self.state().report.canary = canary;
    }

    fn run(&self, bench: &mut Bench, seed: u64) -> io::Result<()> {
        let mut hangs = false;
        let (report, cpu_us) = match self.ask(bench, &self.job(seed, Wanted::Verdict))? {
            Ok(reply) => (reply.report, reply.cpu_us),
            Err(NoReply::Stopped) => return Ok(()),
            Err(why) => {
                hangs = matches!(why, NoReply::TooLong(_));
                (SeedReport::lost(seed, &why.to_string()), 0)
            }
        };
        self.state().report.add(&report, cpu_us);
        let worker = bench.as_ref().map(Worker::number);
        match (&report.failure, worker) {
            (Some(failure), Some(_)) => self.confirm(bench, &report, failure)?,
            (Some(failure), None) => {
                let seen = if hangs { self.look_into(seed)? } else { None };
                // Of a process that died there is nothing but how it ended.
                let bare = || self.write_capsule(seed, Verdict::Crash(failure.evidence.clone()));
                let capsule = seen.map_or_else(bare, Ok)?;
                self.fail(&report, failure.clone(), Some(capsule));
            }
            (None, Some(worker)) if self.is_repeated(seed) => {
                self.state().repeats.push_back(Repeat { first: Box::new(report), worker })
            }
            (None, _) => {}
        }
        self.tell(None);
        Ok(())
    }

    /// Runs a seed that does not end once more, and has the worker write what came of it before anybody kills that.
    fn look_into(&self, seed: u64) -> io::Result<Option<PathBuf>> {
        let within_s = (self.plan.seed_limit / 2).as_secs().max(1);
        let reply = self.ask(&mut None, &self.job(seed, Wanted::Unended(self.plan.out.clone(), within_s)))?;
        Ok(reply.ok().and_then(|reply| reply.file))
    }

    /// Makes the smallest failure of each group small, when all seeds are done. One that takes its process with it, or is another run each
    /// time, is left as it is; so is all when the sweep is stopped, and a capsule is never half written.
    pub fn make_small(&self) {
        let limit_s = self.plan.shrink_limit.as_secs();
        let can_be_small = |name: &Name, found: &Found| name.kind != FailureKind::NonDeterminism && !found.report.is_lost();
        let groups: Vec<(Name, u64)> = {
            let state = self.state();
            let groups = state.report.groups.iter().filter(|(name, group)| can_be_small(name, &group.smallest));
            groups.map(|(name, group)| (name.clone(), group.smallest.report.seed)).collect()
        };
        if limit_s == 0 || self.stop.load(Ordering::Relaxed) {
            return;
        }
        parallel::map(self.plan.jobs, &groups, |(name, seed)| {
            let job = self.job(*seed, Wanted::Small(self.plan.out.clone(), limit_s));
            // Without a reply the group keeps the capsule that it has.
            let reply = self.ask(&mut None, &job).ok().and_then(Result::ok);
            if let Some(group) = self.state().report.groups.get_mut(name) {
                group.small = reply.and_then(|reply| reply.small);
            }
        });
    }

    /// Whether the gate asks for a seed: the first always, the others by what their number hashes to, which knows of no partition.
    fn is_repeated(&self, seed: u64) -> bool {
        let percent = u64::from(self.plan.repeat_percent);
        percent > 0 && (self.plan.own_seeds().next() == Some(seed) || xxh3_64(&seed.to_le_bytes()) % 100 < percent)
    }

    fn run_again(&self, bench: &mut Bench, repeat: &Repeat) -> io::Result<()> {
        if bench.as_ref().is_some_and(|worker| worker.number() == repeat.worker) {
            *bench = None;
        }
        let seed = repeat.first.seed;
        let again = match self.ask(bench, &self.job(seed, Wanted::Verdict))? {
            Ok(reply) => Ok(reply.report),
            Err(NoReply::Stopped) => return Ok(()),
            Err(why) => Err(why),
        };
        self.state().report.repeated += 1;
        if again.as_ref() == Ok(&*repeat.first) { Ok(()) } else { self.part(&repeat.first, &again) }
    }

    /// Runs a seed that failed again, in a new process and with all that a capsule holds.
    fn confirm(&self, bench: &mut Bench, first: &SeedReport, failure: &Failure) -> io::Result<()> {
        *bench = None;
        let again = match self.ask(bench, &self.job(first.seed, Wanted::Capsule(self.plan.out.clone())))? {
            Ok(reply) if reply.report == *first => {
                self.fail(first, failure.clone(), reply.file);
                return Ok(());
            }
            Ok(reply) => Ok(reply.report),
            Err(NoReply::Stopped) => {
                self.fail(first, failure.clone(), None);
                return Ok(());
            }
            Err(why) => Err(why),
        };
        self.part(first, &again)
    }

    /// Two runs of a seed were not the same: shows where two more part.
    fn part(&self, first: &SeedReport, again: &Result<SeedReport, NoReply>) -> io::Result<()> {
        let again = again.as_ref().map_or_else(ToString::to_string, ending);
        let verdict = Verdict::NonDeterminism(format!("first {}, then {again}", ending(first)));
        let paths = ["left", "right"].map(|side| self.plan.out.join(format!("seed-{}.{side}.jsonl", first.seed)));
        let mut traces = Vec::new();
        for path in &paths {
            // A worker that lives on is not asked again: each of the two has a process of its own.
            if self.ask(&mut None, &self.job(first.seed, Wanted::Trace(path.clone())))?.is_ok() {
                traces.push(read_trace(path)?);
            }
        }
        let divergence = match <[_; 2]>::try_from(traces) {
            Ok([left, right]) => first_divergence(left, right).map(|divergence| divergence.to_string()),
            Err(_) => None,
        };
        let divergence = divergence.unwrap_or_else(|| "two more runs of it did not show where they part".to_owned());
        let Some(failure) = Failure::of(&verdict) else { return Ok(()) };
        let capsule = self.write_capsule(first.seed, verdict)?;
        let report = SeedReport { failure: Some(failure.clone()), ..first.clone() };
        let divergence = Some(format!("{divergence}\n{} and {}", paths[0].display(), paths[1].display()));
        self.note(Found { report, failure, capsule: Some(capsule), divergence });
        Ok(())
    }

    fn fail(&self, report: &SeedReport, failure: Failure, capsule: Option<PathBuf>) {
        self.note(Found { report: report.clone(), failure, capsule, divergence: None });
    }

    fn note(&self, found: Found) {
        let report = found.report.clone();
        self.state().report.fail(found);
        self.tell(Some(&report));
    }

    fn write_capsule(&self, seed: u64, verdict: Verdict) -> io::Result<PathBuf> {
        let report = Report { verdict, ..Report::default() };
        write_capsule(&self.plan.out, &Plan::draw(seed, self.plan.mutant), &report).map_err(io::Error::other)
    }

    /// Asks the worker at a bench; there is a new one if there was none, and none after it was lost.
    fn ask(&self, bench: &mut Bench, job: &Job) -> io::Result<Result<Reply, NoReply>> {
        let worker = match bench.take() {
            Some(worker) => worker,
            None => self.workshop.start()?,
        };
        Ok(worker.ask(job, self.limit(job), self.stop).map(|(worker, reply)| {
            *bench = Some(worker);
            reply
        }))
    }

    /// How long a job may take. Whoever looks for a small plan may be in the middle of a run when its time is up.
    fn limit(&self, job: &Job) -> Duration {
        let more = if let Wanted::Small(..) = job.wanted { self.plan.shrink_limit } else { Duration::ZERO };
        self.plan.seed_limit + more
    }

    fn job(&self, seed: u64, wanted: Wanted) -> Job {
        Job { what: Source::Seed { seed, mutant: self.plan.mutant }, wanted }
    }

    fn tell(&self, failed: Option<&SeedReport>) {
        let (seeds, failures) = {
            let state = self.state();
            (state.report.seeds, state.report.failures())
        };
        (self.progress)(Step { seeds, failures, failed });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a run ended, so that two of them can be told apart.
fn ending(report: &SeedReport) -> String {
    let SeedReport { failure, operations, digest, .. } = report;
    let verdict = failure.as_ref().map_or_else(|| "passed".to_owned(), ToString::to_string);
    format!("{verdict} (digest {digest}, {operations} operations)")
}
