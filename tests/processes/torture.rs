//! Sixteen sessions hop between six processes while one after the other is killed and restarted. Causal order holds in every
//! answer, and at the end no acknowledged write is missing at any replica.

use std::{env, sync::Arc, time::Duration};

use causeway_sim::{
    checker::Violation,
    torture::{
        final_scan,
        load::{Load, Run, Tally, Tokens, begin, end, random},
    },
};

use crate::{
    cluster::{Cluster, NODES},
    nemesis,
};

/// What all choices are drawn from.
pub const SEED: u64 = 0;
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
    let violation = run.violation();
    assert_eq!(violation, None, "{}", violation.as_ref().map(Violation::to_string).unwrap_or_default());

    let everyone: Vec<usize> = (0..NODES).collect();
    cluster.until_views_are(&everyone, Duration::from_secs(5)).await;
    let converged = final_scan::converge(&run, Duration::from_secs(10), |key| cluster.replicas(key)).await;
    let took = converged.unwrap_or_else(|why| panic!("{why}")).took;
    let Tally { seen, acknowledged, refused, unknown } = tally;
    println!("{kills} kills; {acknowledged} writes acknowledged, {seen} reads, {refused} refused, {unknown} unknown");
    println!("converged after {} ms; {} keys", took.as_millis(), run.keys().len());
    assert!(u64::from(acknowledged) >= LEAST_ACKNOWLEDGED_A_SECOND * seconds(DEFAULT_SECONDS), "too little happened: {tally:?}");
}

/// Shows that the judge can find something: sessions that throw their tokens away must be caught reading the past.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_without_tokens_are_caught() {
    let mut cluster = Cluster::serving(&[("REPAIR_HOLDOFF_MS", "1000")]).await;
    let run = run(&cluster, Tokens::Dropped, 20);
    work(&mut cluster, &run).await;
    let violation = run.violation().expect("stale reads are seen");
    assert_eq!(violation.property.checker(), "a2_reads", "{violation}");
}

pub fn run(cluster: &Cluster, tokens: Tokens, seconds: u64) -> Arc<Run> {
    let span = Duration::from_secs(seconds);
    let load = Load { seed: SEED, sessions: SESSIONS, tokens, span, rest: Duration::ZERO };
    Run::new(cluster.config(), cluster.addresses().to_vec(), load)
}

/// Load and kills. Says how many kills there were, and what clients were told.
async fn work(cluster: &mut Cluster, run: &Arc<Run>) -> (u32, Tally) {
    let sessions = begin(run);
    let kills = nemesis::kill_and_restart(cluster, random(SEED, SESSIONS.into()), || run.goes_on()).await;
    (kills, end(sessions).await)
}
