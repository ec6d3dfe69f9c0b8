//! When all is over: every replica is asked for every key, until all agree and nothing acknowledged is missing.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use causeway::{
    http::{Client, Outgoing},
    id::NodeId,
    store::Key,
};
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

const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

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
    let mut asked: BTreeMap<usize, Vec<Key>> = BTreeMap::new();
    for key in run.keys.lock().expect("no panic under the lock").iter() {
        replicas(key).into_iter().for_each(|replica| asked.entry(replica).or_default().push(key.clone()));
    }
    let ask = |(replica, keys)| tokio::spawn(readings_of(replica, cluster.addresses()[replica].clone(), keys));
    let mut readings = Vec::new();
    for of_one in asked.into_iter().map(ask).collect::<Vec<_>>() {
        readings.extend(of_one.await.expect("whoever asks does not panic")?);
    }
    Ok(readings)
}

async fn readings_of(replica: usize, address: String, keys: Vec<Key>) -> Result<Vec<Reading>, Violation> {
    let mut client = Client::new(address);
    let mut readings = Vec::new();
    for key in keys {
        let asked = Outgoing::new(Method::GET, format!("/kvs/{key}")).json(&json!({}));
        let answer = client.send(asked, ANSWER_DEADLINE).await;
        let (status, body) = answer.unwrap_or_else(|error| panic!("node {replica}: {error}"));
        let outcome = answers::outcome_of(Kind::Get, &read(status, &body))?;
        readings.push(Reading { node: NodeId(replica as u32), key, outcome });
    }
    Ok(readings)
}
