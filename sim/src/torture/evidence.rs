//! What a run leaves: its history for the checker of any store, and of a failure the capsule, the page and the nodes' logs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::BufWriter,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

use causeway::store::Key;
use xxhash_rust::xxh3::xxh3_64;

use super::{diary::Notes, load::Run, nemesis::WARM_UP_MS, stage::Stage, whole::Orders};
use crate::{
    blackbox::{self, Builder, Conclusion, History, Op},
    capsule::{Capsule, Evidence, Failure, TRACE_LINES, Told, commit},
    checker::Property,
    explain::{Explanation, drawn, explain},
    history::{Kind, OpId, Operation, Outcome},
    picture::{Standing, page},
    plan::{Action, Plan, Planned, Retry},
    run::Verdict,
};

/// How many of the last operations a capsule keeps, besides those that the violation is about.
const LAST_OPERATIONS: usize = 1_500;
/// How long the checker of any store may think.
const OFFLINE_LIMIT: Duration = Duration::from_secs(20);
const TOO_HARD: &str = "not decided in time: too many reads found nothing where several deletes can be why";

/// The verdict, and where the rest lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keepsake {
    /// What came of the run.
    pub verdict: Verdict,
    /// What the checker of any store said of the whole history.
    pub offline: String,
    /// The whole history.
    pub history: PathBuf,
    /// Of a failure: capsule, page and the folder of the logs.
    pub failure: Option<(PathBuf, PathBuf, PathBuf)>,
}

/// A run that is over, and those who saw it.
pub(super) struct Witness<'a> {
    pub orders: &'a Orders,
    pub stage: &'a Stage,
    pub run: &'a Run,
    pub notes: &'a Notes,
}

/// Has the history judged once more, by values alone, and writes down what is to be kept.
pub(super) fn keep(witness: &Witness<'_>, verdict: Verdict) -> Result<Keepsake, String> {
    let (orders, operations) = (witness.orders, witness.run.history());
    let seed = orders.plan.wanted.seed;
    fs::create_dir_all(&orders.out).map_err(|error| format!("{}: {error}", orders.out.display()))?;
    let history = orders.out.join(format!("seed-{seed}.history.txt"));
    let told = tell(&operations).map_err(|error| error.to_string())?;
    write(&told, &history).map_err(|error| format!("{}: {error}", history.display()))?;
    let judged = judge(told)?;
    let offline = judged.as_ref().map_or_else(|| TOO_HARD.to_owned(), ToString::to_string);
    let verdict = match (verdict, judged.map(|judged| judged.conclusion)) {
        (Verdict::Passed, Some(Conclusion::Violated { shrunk, .. })) => {
            let evidence = format!("in the whole history, by values alone: {}", shrunk.counterexample.anomaly);
            Verdict::Safety(Property::Convergence.violated(evidence))
        }
        (verdict, _) => verdict,
    };
    let failure = if verdict == Verdict::Passed { None } else { Some(save(witness, &operations, &verdict)?) };
    Ok(Keepsake { verdict, offline, history, failure })
}

/// Which of many tombstones a read of nothing saw may take for ever to find out: none when it takes too long.
fn judge(told: History) -> Result<Option<blackbox::Report>, String> {
    let (sender, done) = mpsc::channel();
    // It is left where it is then: it ends with the process.
    thread::spawn(move || drop(sender.send(blackbox::judge(&told))));
    match done.recv_timeout(OFFLINE_LIMIT) {
        Ok(judged) => judged.map(Some).map_err(|error| error.to_string()),
        Err(_) => Ok(None),
    }
}

fn write(history: &History, path: &Path) -> std::io::Result<()> {
    blackbox::text::write(history, BufWriter::new(File::create(path)?))
}

/// The history in the words of the checker that knows no store.
fn tell(operations: &[Operation]) -> Result<History, blackbox::Malformed> {
    let mut keys: BTreeMap<&Key, u64> = BTreeMap::new();
    let mut builder = Builder::default();
    for operation in operations {
        let number = keys.len() as u64;
        let key = *keys.entry(&operation.invocation.key).or_insert(number);
        if let Some(op) = op(operation, key) {
            builder.push(op)?;
        }
    }
    Ok(builder.finish())
}

fn op(operation: &Operation, key: u64) -> Option<Op> {
    let (session, transaction) = (operation.invocation.session.0.into(), operation.id.0.into());
    let value = value(operation.id);
    let put = Op::put(session, transaction, key, value);
    let delete = Op::delete(session, transaction, key, value);
    match (operation.invocation.kind, operation.outcome) {
        (_, Outcome::Found(write)) => Some(Op::read(session, transaction, key, self::value(write))),
        (_, Outcome::Absent) => Some(Op::read(session, transaction, key, blackbox::ABSENT)),
        (Kind::Put, Outcome::Created | Outcome::Overwrote) => Some(put),
        (Kind::Put, Outcome::Unknown | Outcome::Pending) => Some(put.with(blackbox::Outcome::Unknown)),
        (Kind::Put, Outcome::NotApplied) => Some(put.with(blackbox::Outcome::Failed)),
        (Kind::Delete, Outcome::Created | Outcome::Overwrote) => Some(delete),
        (Kind::Delete, Outcome::Unknown | Outcome::Pending) => Some(delete.with(blackbox::Outcome::Unknown)),
        (Kind::Get | Kind::Delete, _) => None,
    }
}

/// Never the one that stands for 'absent'.
fn value(op: OpId) -> u64 {
    u64::from(op.0) + 1
}

fn save(witness: &Witness<'_>, operations: &[Operation], verdict: &Verdict) -> Result<(PathBuf, PathBuf, PathBuf), String> {
    let Witness { orders, stage, notes, .. } = witness;
    let capsule = capsule(orders, operations, notes, verdict);
    let path = capsule.save(&orders.out).map_err(|error| error.to_string())?;
    let name = capsule.file_name();
    let stem = name.strip_suffix(".capsule.json").unwrap_or(&name);
    let (drawing, logs) = (orders.out.join(format!("{stem}.html")), orders.out.join(format!("{stem}.logs")));
    let Failure { plan, verdict, .. } = capsule.smallest();
    let scene = drawn(plan, (Standing::Failed, verdict), &capsule.evidence, &capsule.commit);
    fs::write(&drawing, page(&scene)).map_err(|error| format!("{}: {error}", drawing.display()))?;
    stage.save_logs(&logs).map_err(|error| error.to_string())?;
    Ok((path, drawing, logs))
}

/// A failure as the simulation writes it. Its plan can be run there too: the same faults and operations, in another world.
pub fn capsule(orders: &Orders, operations: &[Operation], notes: &Notes, verdict: &Verdict) -> Capsule {
    let ended_us = notes.lines.last().map_or(0, |line| line.at_us);
    let ended_us = operations.iter().map(|operation| operation.returned_us.unwrap_or_default()).fold(ended_us, u64::max);
    let explanation = match verdict {
        Verdict::Safety(violation) => explain(operations, violation, ended_us),
        verdict => Explanation { summary: verdict.to_string(), ..Explanation::default() },
    };
    let about: BTreeSet<OpId> = explanation.operations.iter().copied().collect();
    let last = operations.len().saturating_sub(LAST_OPERATIONS);
    let kept = |(place, operation): &(usize, &Operation)| *place >= last || about.contains(&operation.id);
    let kept: Vec<&Operation> = operations.iter().enumerate().filter(kept).map(|(_, operation)| operation).collect();
    let from = notes.lines.len().saturating_sub(TRACE_LINES);
    let history: Vec<Told> = kept.iter().map(|operation| Told::of(operation)).collect();
    let digest = xxh3_64(kept.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n").as_bytes());
    let (caught_by, exit_code) = (verdict.caught_by().to_owned(), verdict.exit_code());
    let found = Failure { plan: simulated(orders, &kept), verdict: verdict.to_string(), caught_by, exit_code, digest };
    let evidence = Evidence { explanation, history, trace: notes.lines[from..].to_vec() };
    Capsule { commit: commit(), command: orders.command.clone(), found, shrunk: None, evidence }
}

/// The plan as the simulation would carry it out.
fn simulated(orders: &Orders, operations: &[&Operation]) -> Plan {
    let harms = &orders.plan.harms;
    let nodes = orders.setting.nodes;
    let mut faults: Vec<_> = harms.iter().flat_map(|timed| timed.harm.simulated(timed.at_ms, nodes)).collect();
    faults.sort_by_key(|timed| timed.at_ms);
    let mut operations: Vec<Planned> = operations.iter().map(|operation| planned(operation)).collect();
    operations.sort_by_key(|planned| (planned.at_ms, planned.op));
    Plan {
        mutant: orders.mutant,
        nodes,
        shards: orders.setting.shards,
        warm_up_ms: WARM_UP_MS,
        faults_ms: harms.last().map_or(0, |timed| timed.at_ms) + 1_000,
        skews_ms: vec![0; nodes.into()],
        faults,
        requests: harms.iter().filter_map(|timed| timed.harm.request(timed.at_ms)).collect(),
        operations,
        ..Plan::two_quiet_nodes(orders.plan.wanted.seed)
    }
}

fn planned(operation: &Operation) -> Planned {
    let invocation = &operation.invocation;
    let key = invocation.key.clone();
    let action = match invocation.kind {
        Kind::Get => Action::Get { key },
        Kind::Put => Action::Put { key, retry: Retry::Unknown, concern: 1 },
        Kind::Delete => Action::Delete { key, retry: Retry::Unknown, concern: 1 },
    };
    let at_ms = (invocation.at_us / 1_000).saturating_sub(WARM_UP_MS);
    Planned { op: operation.id, at_ms, session: invocation.session, node: invocation.node, action }
}
