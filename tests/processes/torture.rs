//! Sixteen sessions hop between six processes while one after the other is killed and restarted. Causal order holds in every
//! answer, and at the end no acknowledged write is missing at any replica.

use std::{
    env,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use causeway::clock::TokenKeys;
use causeway_sim::{
    checker::{Judge, Violation},
    history::SessionId,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use tokio::task::JoinHandle;

use crate::{
    cluster::{Cluster, NODES},
    final_scan, nemesis,
    pace::Pace,
    session::{Run, Session, Tally, Tokens},
};

const SESSIONS: u16 = 16;
const DEFAULT_SECONDS: u64 = 15;
/// A run in which less happens shows nothing.
const LEAST_ACKNOWLEDGED_A_SECOND: u64 = 20;

/// How long to go on: a while, unless somebody asks for more.
pub fn seconds(default: u64) -> u64 {
    let given = env::var("CAUSEWAY_TORTURE_SECONDS").ok();
    given.map_or(default, |text| text.parse().expect("CAUSEWAY_TORTURE_SECONDS is a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_session_sees_effects_before_causes_and_nothing_acknowledged_is_lost() {
    let mut cluster = Cluster::serving(&[]).await;
    let run = run(&cluster, Tokens::Carried, seconds(DEFAULT_SECONDS));
    let (kills, tally) = work(&mut cluster, &run).await;
    let violation = violation(&run);
    assert_eq!(violation, None, "{}", violation.as_ref().map(Violation::to_string).unwrap_or_default());

    let everyone: Vec<usize> = (0..NODES).collect();
    cluster.until_views_are(&everyone, Duration::from_secs(5)).await;
    let converged = final_scan::converge(&cluster, &run, Duration::from_secs(10), |key| cluster.replicas(key)).await;
    let took = converged.unwrap_or_else(|violation| panic!("{violation}"));
    let Tally { seen, acknowledged, refused, unknown } = tally;
    println!("{kills} kills; {acknowledged} writes acknowledged, {seen} reads, {refused} refused, {unknown} unknown");
    println!("converged after {} ms; {} keys", took.as_millis(), run.keys.lock().expect("no panic under the lock").len());
    assert!(u64::from(acknowledged) >= LEAST_ACKNOWLEDGED_A_SECOND * seconds(DEFAULT_SECONDS), "too little happened: {tally:?}");
}

/// Shows that the judge can find something: sessions that throw their tokens away must be caught reading the past.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_without_tokens_are_caught() {
    let mut cluster = Cluster::serving(&[("REPAIR_HOLDOFF_MS", "1000")]).await;
    let run = run(&cluster, Tokens::Dropped, 20);
    work(&mut cluster, &run).await;
    let violation = violation(&run).expect("stale reads are seen");
    assert_eq!(violation.property.checker(), "a2_reads", "{violation}");
}

pub fn run(cluster: &Cluster, tokens: Tokens, seconds: u64) -> Arc<Run> {
    let began = Instant::now();
    let tokens_of = TokenKeys::default().of_cluster(cluster.config().cluster());
    let mut judge = Judge::new(cluster.config(), SESSIONS.into(), tokens_of);
    // From outside nobody hears which config a process works by.
    judge.ignore("epoch_gate");
    Arc::new(Run {
        tokens,
        addresses: cluster.addresses().to_vec(),
        judge: Mutex::new(judge),
        keys: Mutex::default(),
        violation: Mutex::default(),
        began,
        until: Mutex::new(began + Duration::from_secs(seconds)),
        pace: Pace::default(),
    })
}

/// Load and kills. Says how many kills there were, and what clients were told.
async fn work(cluster: &mut Cluster, run: &Arc<Run>) -> (u32, Tally) {
    let sessions = begin(run);
    let kills = nemesis::kill_and_restart(cluster, random(SESSIONS.into()), || run.goes_on()).await;
    (kills, end(sessions).await)
}

/// Load, until the run's time is over or something is wrong.
pub fn begin(run: &Arc<Run>) -> Vec<JoinHandle<Tally>> {
    let session = |id| tokio::spawn(Session::new(run.clone(), SessionId(id), random(id.into())).work());
    (0..SESSIONS).map(session).collect()
}

/// What all sessions together were told.
pub async fn end(sessions: Vec<JoinHandle<Tally>>) -> Tally {
    let mut tally = Tally::default();
    for session in sessions {
        tally = tally.plus(session.await.expect("a session does not panic"));
    }
    tally
}

pub fn random(stream: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(stream)
}

pub fn violation(run: &Run) -> Option<Violation> {
    run.violation.lock().expect("no panic under the lock").take()
}
