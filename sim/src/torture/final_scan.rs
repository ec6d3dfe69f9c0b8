//! When all is over: every replica is asked for every key, until all agree and nothing acknowledged is missing.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use axum::http::Method;
use causeway::{
    http::{Client, Outgoing},
    id::NodeId,
    store::Key,
};
use serde_json::json;
use tokio::time;

use super::{load::Run, session::read};
use crate::{
    checker::{Reading, Violation, answers},
    history::{Kind, Outcome},
};

const ANSWER_DEADLINE: Duration = Duration::from_secs(5);
/// How long one node may refuse one key.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);
/// Connections to each node.
const CONNECTIONS: usize = 4;

/// Why the replicas have not converged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotConverged {
    /// They disagree, or something acknowledged is missing.
    Violation(Violation),
    /// A node does not answer, as it said here last.
    NoAnswer(String),
}

/// What a scan found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Converged {
    /// How long it took until all was well.
    pub took: Duration,
    /// How many answers were looked at in the end.
    pub readings: usize,
}

/// Waits until the replicas have converged; what is still wrong when they have not in time. `replicas` says whom to ask for a key.
///
/// # Errors
/// They have not.
pub async fn converge(run: &Run, limit: Duration, replicas: impl Fn(&str) -> Vec<usize>) -> Result<Converged, NotConverged> {
    let began = Instant::now();
    loop {
        let tried = match readings(run, &replicas).await {
            Ok(readings) => {
                let judged = run.judge(|judge, _| judge.quiescent(&readings));
                judged.map(|()| readings.len()).map_err(NotConverged::Violation)
            }
            Err(why) => Err(why),
        };
        match tried {
            Ok(readings) => return Ok(Converged { took: began.elapsed(), readings }),
            Err(why) if began.elapsed() > limit => return Err(why),
            Err(_) => time::sleep(POLL).await,
        }
    }
}

/// What every replica says of every key to who has seen nothing. A replica answers such a request by itself.
async fn readings(run: &Run, replicas: impl Fn(&str) -> Vec<usize>) -> Result<Vec<Reading>, NotConverged> {
    let mut asked: BTreeMap<(usize, usize), Vec<Key>> = BTreeMap::new();
    for (number, key) in run.keys().into_iter().enumerate() {
        for replica in replicas(&key) {
            asked.entry((replica, number % CONNECTIONS)).or_default().push(key.clone());
        }
    }
    let ask = |((replica, _), keys): ((usize, usize), Vec<Key>)| {
        tokio::spawn(readings_of(replica, run.addresses[replica].clone(), keys))
    };
    let mut readings = Vec::new();
    for of_one in asked.into_iter().map(ask).collect::<Vec<_>>() {
        readings.extend(of_one.await.map_err(|panic| NotConverged::NoAnswer(panic.to_string()))??);
    }
    Ok(readings)
}

async fn readings_of(replica: usize, address: String, keys: Vec<Key>) -> Result<Vec<Reading>, NotConverged> {
    let mut client = Client::new(address);
    let mut readings = Vec::new();
    for key in keys {
        let outcome = outcome(&mut client, &key).await?;
        readings.push(Reading { node: NodeId(replica as u32), key, outcome });
    }
    Ok(readings)
}

async fn outcome(client: &mut Client, key: &str) -> Result<Outcome, NotConverged> {
    let began = Instant::now();
    loop {
        let asked = Outgoing::new(Method::GET, format!("/kvs/{key}")).json(&json!({}));
        let why = match client.send(asked, ANSWER_DEADLINE).await {
            Err(error) => error.to_string(),
            Ok((503, body)) => format!("{} answers 503 for {key}: {body}", client.address()),
            Ok((status, body)) => {
                return answers::outcome_of(Kind::Get, &read(status, &body)).map_err(NotConverged::Violation);
            }
        };
        if began.elapsed() > ANSWERS_WITHIN {
            return Err(NotConverged::NoAnswer(why));
        }
        time::sleep(POLL).await;
    }
}

impl fmt::Display for NotConverged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violation(violation) => violation.fmt(f),
            Self::NoAnswer(why) => f.write_str(why),
        }
    }
}
