//! How long a node that holds many keys takes to serve again after SIGKILL.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::http::Method;
use causeway::http::{Client, Outgoing};
use serde::Serialize;
use serde_json::json;
use tokio::{task::JoinSet, time};

use super::{ready::is_ready, stage::Stage, whole::TortureError};

const VALUE_BYTES: usize = 100;
const CONNECTIONS: usize = 48;
const DEADLINE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(5);
/// After that the measurement is given up.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// One restart. Times are in milliseconds from the order to start the node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Restart {
    /// Which node.
    pub node: usize,
    /// Until its process ran: what Docker, or the system, takes.
    pub launched_ms: u64,
    /// Until it was ready.
    pub ready_ms: u64,
    /// Until it had answered a read of one of the keys.
    pub read_ms: u64,
}

/// Writes so many keys, over many connections to all nodes. How long it took.
///
/// # Errors
/// A node refuses for long.
pub async fn fill(stage: &Stage, keys: u64) -> Result<Duration, TortureError> {
    let (began, next) = (Instant::now(), Arc::new(AtomicU64::default()));
    let mut writers = JoinSet::new();
    for number in 0..CONNECTIONS {
        let (address, next) = (stage.addresses()[number % stage.addresses().len()].clone(), next.clone());
        writers.spawn(async move {
            let mut client = Client::new(address);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= keys {
                    return Ok(());
                }
                put(&mut client, number).await?;
            }
        });
    }
    writers.join_all().await.into_iter().collect::<Result<(), TortureError>>()?;
    Ok(began.elapsed())
}

async fn put(client: &mut Client, number: u64) -> Result<(), TortureError> {
    let began = Instant::now();
    let body = json!({"value": format!("{number:0VALUE_BYTES$}")});
    loop {
        let put = Outgoing::new(Method::PUT, path(number)).json(&body);
        let answer = client.send(put, DEADLINE).await;
        if matches!(answer, Ok((200 | 201, _))) {
            return Ok(());
        }
        if began.elapsed() > DEADLINE {
            return Err(TortureError::Refused(format!("{} answers {answer:?}", client.address())));
        }
        time::sleep(POLL).await;
    }
}

/// Kills each node and starts it again, one after the other.
///
/// # Errors
/// One does not come back.
pub async fn measure(stage: &Stage, keys: u64) -> Result<Vec<Restart>, TortureError> {
    let mut restarts = Vec::new();
    for (node, address) in stage.addresses().iter().enumerate() {
        stage.kill(node).await?;
        let began = Instant::now();
        let ms = || began.elapsed().as_millis() as u64;
        stage.start(node).await?;
        let launched_ms = ms();
        while !is_ready(address).await {
            if began.elapsed() > READY_WITHIN {
                return Err(TortureError::Refused(format!("n{node} is not ready after {} s", READY_WITHIN.as_secs())));
            }
            time::sleep(POLL).await;
        }
        let ready_ms = ms();
        let number = keys / 2;
        let get = Outgoing::new(Method::GET, path(number)).json(&json!({}));
        let answer = Client::new(address).send(get, DEADLINE).await;
        let is_right = |body: &serde_json::Value| body["value"] == json!(format!("{number:0VALUE_BYTES$}"));
        if !answer.as_ref().is_ok_and(|(status, body)| *status == 200 && is_right(body)) {
            return Err(TortureError::Refused(format!("n{node} is ready and answers {answer:?} for {}", path(number))));
        }
        restarts.push(Restart { node, launched_ms, ready_ms, read_ms: ms() });
    }
    Ok(restarts)
}

fn path(number: u64) -> String {
    format!("/kvs/key-{number}")
}
