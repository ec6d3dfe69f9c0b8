//! One run from its first process to its verdict.
//!
//! Warm-up; faults under load; heal; then liveness: within 30 simulated seconds every request is answered and all replicas agree;
//! then the final scan, which no acknowledged write may be missing from. A violation ends the run at the event that shows it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
};

use causeway::{clock::TokenKeys, id::NodeId, mutant::Mutant, store::Key};

use crate::{
    checker::{Answer, Judge, Property, Reading, Violation, answers::outcome_of, nothing_left},
    cluster::{Changing, Cluster},
    coverage::Coverage,
    history::{Kind, OpId, Operation, Outcome},
    marks::{self, Mark, Sight, seen},
    nemesis::Nemesis,
    operator::Operator,
    plan::{Losses, Plan},
    referee::{Referee, Replies},
    request::{KeyCall, read},
    seeded::run_seeded,
    streams::{Fork, Streams},
    trace::{Keep, Line},
    workload::Workload,
};

/// How long the healed cluster may take to answer everything alike, in simulated microseconds.
const PATIENCE_US: u64 = 30_000_000;
/// How much longer for each request of an operator that is open then: each reshards everything, one after the other.
const PATIENCE_A_REQUEST_US: u64 = 3_000_000;
/// Between two looks at the healed cluster.
const LOOK_AGAIN_US: u64 = 250_000;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Verdict {
    /// Nothing is wrong.
    #[default]
    Passed,
    /// Something happened that must not.
    Safety(Violation),
    /// Something did not happen that must.
    Liveness(String),
    /// The program panicked.
    Crash(String),
    /// The same seed gave two different runs.
    NonDeterminism(String),
}

/// A run and what came of it.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How it ended.
    pub verdict: Verdict,
    /// When it ended, in simulated microseconds.
    pub ended_us: u64,
    /// How many operations clients began.
    pub operations: u32,
    /// How often each kind of fault happened.
    pub faults: BTreeMap<&'static str, u64>,
    /// How often each kind of fault began while what else was under way.
    pub coverage: Coverage,
    /// Which places were reached, in the program and in the simulator.
    pub marks: BTreeSet<Mark>,
    /// The most characters that a token had.
    pub longest_token: usize,
    /// Stands for everything that happened: two runs with the same digest are the same.
    pub digest: u64,
    /// What each probe read.
    pub probed: BTreeMap<OpId, Key>,
    /// What clients did and saw, if all was kept.
    pub history: Vec<Operation>,
    /// The last lines of the trace, as far as they were kept.
    pub trace: Vec<Line>,
    /// What the judge replied where the run asked.
    pub replies: Replies,
}

impl Verdict {
    /// The process's exit code: 0 only when nothing is wrong.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Crash(_) => 10,
            Self::Safety(_) => 11,
            Self::Liveness(_) => 12,
            Self::NonDeterminism(_) => 13,
        }
    }

    /// The checker that ended the run, or the kind of its end.
    pub fn caught_by(&self) -> &'static str {
        match self {
            Self::Passed => "nobody",
            Self::Safety(violation) => violation.property.checker(),
            Self::Liveness(_) => "liveness",
            Self::Crash(_) => "crash",
            Self::NonDeterminism(_) => "determinism",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passed"),
            Self::Safety(violation) => write!(f, "safety: {violation}"),
            Self::Liveness(what) => write!(f, "liveness: {what}"),
            Self::Crash(what) => write!(f, "crash: {what}"),
            Self::NonDeterminism(what) => write!(f, "non-determinism: {what}"),
        }
    }
}

/// Runs a seed on a thread of its own.
pub fn run_seed(seed: u64, mutant: Option<Mutant>, keep: Keep) -> Report {
    run_plan(Plan::draw(seed, mutant), keep)
}

/// Runs a plan on a thread of its own. A panic of the program is a verdict, not a panic here.
pub fn run_plan(plan: Plan, keep: Keep) -> Report {
    run_changed(plan, keep, Changes::default(), Window::default())
}

/// Runs a plan as [`run_plan`] does, without listening to one of the [`CHECKERS`](crate::checker::CHECKERS).
pub fn run_plan_without(plan: Plan, keep: Keep, without: Option<&'static str>) -> Report {
    run_changed(plan, keep, Changes { without, ..Changes::default() }, Window::default())
}

/// Runs a plan as [`run_plan`] does, up to a time in simulated microseconds: where nothing is wrong by then, it has passed.
pub fn run_plan_until(plan: Plan, until_us: u64) -> Report {
    run_changed(plan, Keep::Nothing, Changes { until_us: Some(until_us), ..Changes::default() }, Window::default())
}

/// Runs a plan as [`run_plan`] does, with another chance from a time on.
pub fn run_forked(plan: Plan, keep: Keep, fork: Fork) -> Report {
    run_changed(plan, keep, Changes { fork: Some(fork), ..Changes::default() }, Window::default())
}

/// Runs a plan as [`run_plan`] does, and nobody judges: the judge's replies are those of a run with one.
pub fn run_unjudged(plan: Plan, replies: Replies) -> Report {
    run_changed(plan, Keep::Nothing, Changes { replies: Some(replies), ..Changes::default() }, Window::default())
}

/// What is not as in other runs of a plan.
#[derive(Default)]
struct Changes {
    /// Nobody listens to this checker.
    without: Option<&'static str>,
    fork: Option<Fork>,
    /// The run is over then.
    until_us: Option<u64>,
    /// Nobody judges, and this is what the judge would reply.
    replies: Option<Replies>,
}

fn run_changed(plan: Plan, keep: Keep, changes: Changes, window: Window) -> Report {
    let seen_through = window.clone();
    let (seed, mutant) = (plan.seed, plan.mutant);
    let run = AssertUnwindSafe(move || {
        run_seeded(seed, mutant, move |streams| simulate(plan, streams.forked(changes.fork), keep, changes, seen_through))
    });
    std::panic::catch_unwind(run).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        let verdict = Verdict::Crash(text.unwrap_or("a panic without a message").to_owned());
        window.report(verdict)
    })
}

/// A look into a run from outside: what it holds outlives a panic, and can be read while the run goes on or hangs.
#[derive(Clone, Default)]
pub struct Window(Arc<Mutex<Option<Run>>>);

impl Window {
    /// What has come of the run so far; nothing but the verdict before it began. The lines of the trace are taken out of it.
    pub fn report(&self, verdict: Verdict) -> Report {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some(run) => run.report(verdict, BTreeSet::new()),
            None => Report { verdict, ..Report::default() },
        }
    }
}

/// Runs a plan as [`run_plan`] does, and lets it be looked at meanwhile.
pub fn run_watched(plan: Plan, keep: Keep, window: Window) -> Report {
    run_changed(plan, keep, Changes::default(), window)
}

#[derive(Clone)]
struct Run {
    plan: Arc<Plan>,
    keep: Keep,
    cluster: Arc<Cluster>,
    referee: Arc<Referee>,
    nemesis: Arc<Nemesis>,
    operator: Arc<Operator>,
    workload: Arc<Workload>,
}

async fn simulate(plan: Plan, streams: Streams, keep: Keep, changes: Changes, window: Window) -> Report {
    let cluster = Cluster::found(plan.cluster(keep), streams).expect("a plan's cluster can be founded");
    if let Some(node) = plan.older {
        cluster.world().pin(node);
    }
    let mut judge =
        Judge::new(&cluster.config(), plan.sessions().into(), TokenKeys::default().of_cluster(cluster.config().cluster()));
    if keep == Keep::All {
        judge.archive();
    }
    if plan.losses == Losses::Allowed {
        judge.allow_losses();
    }
    judge.evicts_after(plan.evict_after_ms);
    if let Some(checker) = changes.without {
        judge.ignore(checker);
    }
    let referee = match changes.replies {
        Some(replies) => Referee::absent(judge, replies),
        None => Referee::new(judge),
    };
    referee.listen(cluster.world());
    let nemesis = Nemesis::new(cluster.clone(), referee.clone(), plan.losses);
    let operator = Operator::new(cluster.clone(), referee.clone());
    let workload = Workload::new(cluster.clone(), referee.clone(), &plan, streams);
    let run = Run { plan: Arc::new(plan), keep, cluster, referee, nemesis, operator, workload };
    *window.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(run.clone());
    let verdict = tokio::select! {
        biased;
        violation = run.referee.violated() => Verdict::Safety(violation),
        verdict = run.play() => verdict,
        () = run.cluster.world().sleep_us(changes.until_us.unwrap_or_default()), if changes.until_us.is_some() => Verdict::Passed,
    };
    // Nobody looks in any more: what is left of the world goes where it was made.
    window.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    let cluster = run.cluster.clone();
    let report = run.report(verdict, marks::take());
    cluster.close().await;
    report
}

impl Run {
    async fn play(&self) -> Verdict {
        let world = self.cluster.world();
        self.nemesis.unsettle(&self.plan);
        self.cluster.nodes().for_each(|node| self.cluster.start(node));
        world.sleep_us(self.plan.warm_up_ms * 1_000).await;
        let until_us = world.now_us() + self.plan.faults_ms * 1_000;
        madsim::task::spawn(self.nemesis.clone().run(self.plan.faults.clone()));
        madsim::task::spawn(self.operator.clone().run(self.plan.requests.clone()));
        let load = madsim::task::spawn(self.workload.clone().run(self.plan.clone(), until_us));
        world.sleep_us(self.plan.faults_ms * 1_000).await;
        self.nemesis.heal();
        let _ = load.await;
        match self.settle().await {
            Verdict::Passed => self.understood(),
            verdict => verdict,
        }
    }

    /// Whether a node of an earlier version could read, and would have written, all that went from and to it.
    fn understood(&self) -> Verdict {
        let stats = self.cluster.world().network_stats();
        match (self.plan.older, stats.unread + stats.read_in_part) {
            (Some(older), frames @ 1..) => {
                Verdict::Liveness(format!("{frames} frames from and to {older} are not of its version"))
            }
            _ => Verdict::Passed,
        }
    }

    /// Looks until all is well, or patience ends.
    async fn settle(&self) -> Verdict {
        let give_up_us = self.cluster.world().now_us() + PATIENCE_US + PATIENCE_A_REQUEST_US * self.operator.open();
        loop {
            let (lacking, readings) = self.scan().await;
            let (lacking, left) = match lacking {
                Some(lacking) => (Some(lacking), None),
                None => self.unsettled().await,
            };
            let disagreement = self.referee.with(|judge| judge.agreed(&readings)).err().or(left);
            let lacking = match (lacking, &disagreement) {
                (None, None) => {
                    let judged = self.referee.with(|judge| judge.quiescent(&readings));
                    return judged.map_or_else(Verdict::Safety, |()| Verdict::Passed);
                }
                (lacking, _) => lacking,
            };
            if self.cluster.world().now_us() >= give_up_us {
                return match (lacking, disagreement) {
                    (None, Some(_)) => {
                        let judged = self.referee.with(|judge| judge.quiescent(&readings));
                        judged.map_or_else(Verdict::Safety, |()| Verdict::Passed)
                    }
                    _ if self.plan.losses == Losses::Allowed => Verdict::Passed,
                    (lacking, _) => Verdict::Liveness(lacking.unwrap_or_default()),
                };
            }
            seen(Sight::SettledLater);
            self.cluster.world().sleep_us(LOOK_AGAIN_US).await;
        }
    }

    /// Asks every replica for every key of its shard, and every node for one key with each session's newest metadata. Says what
    /// was not answered.
    async fn scan(&self) -> (Option<String>, Vec<Reading>) {
        let config = self.cluster.config();
        let mut readings = Vec::new();
        for key in self.plan.keys() {
            for member in config.replicas(config.shard_of(&key)) {
                match self.look(member.node, &key, None).await {
                    Ok(outcome) => readings.push(Reading { node: member.node, key: key.clone(), outcome }),
                    Err(why) => return (Some(format!("{} does not answer for {key}: {why}", member.node)), readings),
                }
            }
        }
        for (session, token) in self.workload.tokens() {
            for node in self.cluster.nodes() {
                if let Err(why) = self.look(node, &"k0".into(), Some(token.clone())).await {
                    return (Some(format!("{node} does not answer {session}: {why}")), readings);
                }
            }
        }
        (None, readings)
    }

    /// What of the changes of the config has not come to its end.
    async fn unsettled(&self) -> (Option<String>, Option<Violation>) {
        if self.cluster.plan().changing == Changing::Never {
            return (None, None);
        }
        if let Some(request) = self.operator.unanswered() {
            return (Some(format!("no answer to the operator's request {request}")), None);
        }
        let mut statuses = Vec::new();
        for node in self.cluster.nodes() {
            match self.cluster.status(node).await {
                Some(status) => statuses.push(status),
                None => return (Some(format!("{node} does not tell its state")), None),
            }
        }
        (None, nothing_left::check(&self.cluster.config(), &statuses).err())
    }

    async fn look(&self, node: NodeId, key: &Key, token: Option<String>) -> Result<Outcome, String> {
        let call = KeyCall::get(key.clone(), token);
        let scanner = u32::from(self.plan.sessions());
        let response = self.cluster.request(scanner, node, call.request()).await.map_err(|why| why.to_string())?;
        let answer = read(&response);
        match outcome_of(Kind::Get, &answer) {
            Ok(outcome @ (Outcome::Found(_) | Outcome::Absent)) => Ok(outcome),
            Ok(_) => Err(format!("{} '{}'", answer.status, answer.text)),
            Err(violation) => {
                self.referee.blow(violation);
                Err(describe(&answer))
            }
        }
    }

    fn report(&self, verdict: Verdict, marks: BTreeSet<Mark>) -> Report {
        let world = self.cluster.world();
        let (digest, trace) = world.with_trace(|trace| (trace.digest(), trace.take_lines()));
        let (operations, longest_token, history) = self.referee.with(|judge| {
            let history = judge.books().history();
            let whole = if self.keep == Keep::All { history.whole().into_iter().cloned().collect() } else { Vec::new() };
            (history.invoked(), judge.longest_token(), whole)
        });
        let (faults, coverage) = (self.nemesis.done(), self.nemesis.coverage());
        let (probed, ended_us, replies) = (self.workload.probed(), world.now_us(), self.referee.take_replies());
        Report { verdict, ended_us, operations, faults, coverage, marks, longest_token, digest, probed, history, trace, replies }
    }
}

fn describe(answer: &Answer) -> String {
    format!("{} '{}' is not in the contract ({})", answer.status, answer.text, Property::AnswersByContract)
}
