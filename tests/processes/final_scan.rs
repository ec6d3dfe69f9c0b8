//! When all is over: every replica is asked for every key, until all agree and nothing acknowledged is missing.

use std::time::{Duration, Instant};

use causeway::{id::NodeId, store::Key};
use causeway_sim::{
    checker::{Reading, Violation, answers},
    history::Kind,
};
use hyper::Method;
use serde_json::json;
use tokio::time;

use crate::{
    cluster::Cluster,
    session::{Run, read},
};

/// Waits until the replicas have converged; the violation that is left when they have not in time.
/// `replicas` says whom to ask for a key.
pub async fn converge(
    cluster: &Cluster,
    run: &Run,
    limit: Duration,
    replicas: impl Fn(&str) -> Vec<usize>,
) -> Result<Duration, Violation> {
    let began = Instant::now();
    loop {
        let readings = readings(cluster, run, &replicas).await;
        let judged = readings.and_then(|readings| run.judge.lock().expect("no panic under the lock").quiescent(&readings));
        match judged {
            Ok(()) => return Ok(began.elapsed()),
            Err(violation) if began.elapsed() > limit => return Err(violation),
            Err(_) => time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// What every replica says of every key to who has seen nothing. A replica answers such a request by itself.
async fn readings(cluster: &Cluster, run: &Run, replicas: impl Fn(&str) -> Vec<usize>) -> Result<Vec<Reading>, Violation> {
    let keys: Vec<Key> = run.keys.lock().expect("no panic under the lock").iter().cloned().collect();
    let mut readings = Vec::new();
    for key in keys {
        for replica in replicas(&key) {
            let (status, body) = cluster.answer(replica, Method::GET, &format!("/kvs/{key}"), &json!({})).await;
            let outcome = answers::outcome_of(Kind::Get, &read(status, &body))?;
            readings.push(Reading { node: NodeId(replica as u32), key: key.clone(), outcome });
        }
    }
    Ok(readings)
}
