//! One run, from its first process to its verdict.
//!
//! Nodes start; clients work, and the plan is carried out beside them; all is healed; within 30 s all nodes are there for each other,
//! and every node is asked for every key. A violation ends the run at the answer that shows it.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use causeway::{
    mutant::Mutant,
    placement::{Config, Founding},
};
use thiserror::Error;
use tokio::{task::JoinSet, time};

use super::{
    diary::{Diary, Tell, Trouble},
    evidence::{Witness, keep},
    final_scan::{self, NotConverged},
    load::{self, Load, Run, Tally, Tokens},
    nemesis::Nemesis,
    plan::TorturePlan,
    ready::until_whole,
    report::{Ended, Filled, Scanned, TortureReport},
    restart,
    stage::{Setting, Stage, StageError},
};
use crate::{checker::Property, run::Verdict};

/// Longer than any load.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);
const STARTS_WITHIN: Duration = Duration::from_secs(30);
/// From the last harm until all nodes are there, and again until they answer alike.
const HEALS_WITHIN: Duration = Duration::from_secs(30);
/// Clients go on for that long when everything is healed.
const AFTERWARDS: Duration = Duration::from_secs(1);
const GLANCE: Duration = Duration::from_millis(50);

/// Why there is no verdict.
#[derive(Debug, Error)]
pub enum TortureError {
    /// What nodes live in cannot be built, or does not do what it is told.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// Nodes do not begin to serve.
    #[error("the nodes do not begin to serve: {0}")]
    NeverServed(String),
    /// A node refuses what it must not refuse before anything is done to it.
    #[error("{0}")]
    Refused(String),
    /// So many nodes cannot be in so many shards.
    #[error("{0}")]
    Founding(#[from] causeway::placement::FoundingError),
    /// What was seen cannot be written down.
    #[error("{0}")]
    Evidence(String),
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Orders {
    /// What nodes are.
    pub setting: Setting,
    /// The bug that they have, if one was planted.
    pub mutant: Option<Mutant>,
    /// What is done to them.
    pub plan: TorturePlan,
    /// How many sessions there are.
    pub sessions: u16,
    /// How long a session rests after each operation.
    pub rest: Duration,
    /// What sessions do with their tokens.
    pub tokens: Tokens,
    /// How many keys are written first, to measure restarts; 0 for none.
    pub keys: u64,
    /// Where a failure leaves what it showed.
    pub out: PathBuf,
    /// The command line.
    pub command: String,
}

/// Does all of it. `stop` becomes true when somebody wants it to end.
///
/// # Errors
/// There is no verdict. Everything that was built is gone all the same.
pub async fn torture(orders: &Orders, stop: Arc<AtomicBool>, tell: Tell) -> Result<TortureReport, TortureError> {
    let stage = Arc::new(Stage::build(&orders.setting).await?);
    serve(&stage, &stop).await?;
    let filled = if orders.keys > 0 { Some(measure(orders, &stage).await?) } else { None };
    let config = Config::found(&Founding { view: stage.addresses().to_vec(), shard_count: orders.setting.shards })?;
    let load = Load {
        seed: orders.plan.wanted.seed,
        sessions: orders.sessions,
        tokens: orders.tokens,
        span: LONGEST,
        rest: orders.rest,
    };
    let run = Run::new(&config, stage.addresses().to_vec(), load);
    run.archive();
    let diary = Arc::new(Diary::new(run.clone(), tell));
    let tally = work(orders, &stage, &run, &diary, &stop).await;
    let is_stopped = stop.load(Ordering::Relaxed);
    let (verdict, scanned) = if is_stopped { (violated(&run), None) } else { judge(&stage, &run, &diary).await };
    let notes = diary.read();
    if let Some(Trouble::Stage(why)) = notes.trouble.as_ref().filter(|_| verdict == Verdict::Passed && !is_stopped) {
        return Err(TortureError::Refused(why.clone()));
    }
    let witness = Witness { orders, stage: &stage, run: &run, notes: &notes };
    let kept = keep(&witness, verdict).map_err(TortureError::Evidence)?;
    Ok(TortureReport::of(orders, stage.kind(), Ended { is_stopped, run: &run, tally, notes: &notes, filled, scanned, kept }))
}

/// Starts all nodes at once, and waits until they are there for each other.
async fn serve(stage: &Arc<Stage>, stop: &AtomicBool) -> Result<(), TortureError> {
    let mut starts = JoinSet::new();
    for node in 0..stage.addresses().len() {
        let stage = stage.clone();
        starts.spawn(async move { stage.start(node).await });
    }
    starts.join_all().await.into_iter().collect::<Result<(), StageError>>()?;
    if stop.load(Ordering::Relaxed) {
        return Ok(());
    }
    until_whole(stage.addresses(), STARTS_WITHIN).await.map(drop).map_err(TortureError::NeverServed)
}

async fn measure(orders: &Orders, stage: &Stage) -> Result<Filled, TortureError> {
    let took = restart::fill(stage, orders.keys).await?;
    let restarts = restart::measure(stage, orders.keys).await?;
    until_whole(stage.addresses(), STARTS_WITHIN).await.map_err(TortureError::NeverServed)?;
    Ok(Filled { keys: orders.keys, took_ms: took.as_millis() as u64, restarts })
}

/// Clients, and what is done to nodes beside them.
async fn work(orders: &Orders, stage: &Arc<Stage>, run: &Arc<Run>, diary: &Arc<Diary>, stop: &Arc<AtomicBool>) -> Tally {
    let sessions = load::begin(run);
    let (watched, stop) = (run.clone(), stop.clone());
    let watch = tokio::spawn(async move {
        while !stop.load(Ordering::Relaxed) {
            time::sleep(GLANCE).await;
        }
        watched.end();
    });
    let nemesis = Nemesis::new(stage.clone(), run.clone(), diary.clone());
    nemesis.carry_out(&orders.plan).await;
    if run.goes_on() {
        time::sleep(AFTERWARDS).await;
    }
    run.end();
    watch.abort();
    load::end(sessions).await
}

/// What came of it, and what every node says in the end.
async fn judge(stage: &Stage, run: &Run, diary: &Diary) -> (Verdict, Option<Scanned>) {
    let died = |trouble: Option<Trouble>| match trouble {
        Some(Trouble::Died(who)) => Some(Verdict::Crash(who)),
        _ => None,
    };
    if run.violation().is_some() {
        return (violated(run), None);
    }
    if let Some(crash) = died(diary.read().trouble) {
        return (crash, None);
    }
    if diary.read().trouble.is_some() {
        return (Verdict::Passed, None);
    }
    for node in 0..stage.addresses().len() {
        if !stage.is_running(node).await.unwrap_or_default() {
            return (Verdict::Crash(format!("n{node} has ended by itself")), None);
        }
    }
    let whole = match until_whole(stage.addresses(), HEALS_WITHIN).await {
        Ok(took) => took,
        Err(why) => return (Verdict::Liveness(why), None),
    };
    let everyone: Vec<usize> = (0..stage.addresses().len()).collect();
    match final_scan::converge(run, HEALS_WITHIN, |_| everyone.clone()).await {
        Ok(converged) => {
            let (whole_ms, took_ms) = (whole.as_millis() as u64, converged.took.as_millis() as u64);
            (Verdict::Passed, Some(Scanned { whole_ms, took_ms, readings: converged.readings }))
        }
        // Those who go on disagreeing have not converged in time; what is lost is lost.
        Err(NotConverged::Violation(violation)) if violation.property == Property::Convergence => {
            (Verdict::Liveness(violation.to_string()), None)
        }
        Err(NotConverged::Violation(violation)) => (Verdict::Safety(violation), None),
        Err(NotConverged::NoAnswer(why)) => (Verdict::Liveness(why), None),
    }
}

fn violated(run: &Run) -> Verdict {
    run.violation().map_or(Verdict::Passed, Verdict::Safety)
}
