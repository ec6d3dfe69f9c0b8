//! What an operator sees and does of a reshard, with real nodes: its progress, its end before its slots are handed over, and a bound
//! for what copying takes.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use hyper::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time,
};

use crate::{
    binary,
    cluster::Cluster,
    command::{causeway, said},
};

/// So little that copying takes seconds.
const BYTES_PER_S: &str = "60000";
const KEYS: usize = 120;
const VALUE_CHARS: usize = 1_000;
/// For what takes some seconds by that bound.
const SOON: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

fn value(i: usize) -> Value {
    json!(format!("{i} {}", "x".repeat(VALUE_CHARS)))
}

/// Writes a value; what is refused was not written, so it can be sent again.
async fn put(cluster: &Cluster, i: usize, token: &Value) -> Value {
    let (began, body) = (Instant::now(), json!({ "value": value(i), "causal-metadata": token }));
    loop {
        let (status, answer) = cluster.answer(i % 4, Method::PUT, &format!("/kvs/key-{i}"), &body).await;
        if matches!(status, 200 | 201) {
            return answer["causal-metadata"].clone();
        }
        assert!(status == 503 && began.elapsed() < SOON, "{status} to a put of key-{i}: {answer}");
        time::sleep(POLL).await;
    }
}

async fn all_are_read(cluster: &Cluster, token: &Value) {
    for (i, node) in (0..KEYS).flat_map(|i| cluster.nodes().into_iter().map(move |node| (i, node))) {
        let asked = json!({ "causal-metadata": token });
        let (status, body) = cluster.answer(node, Method::GET, &format!("/kvs/key-{i}"), &asked).await;
        assert_eq!((status, &body["value"]), (200, &value(i)), "key-{i} at node {node}");
    }
}

/// Asks a node how far the reshard is until that is as it should be.
async fn until(cluster: &Cluster, node: usize, holds: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let (status, report) = cluster.answer(node, Method::GET, "/admin/reshard", &Value::Null).await;
        if status == 200 && holds(&report) {
            return report;
        }
        assert!(began.elapsed() < SOON, "after {SOON:?} node {node} says {report}");
        time::sleep(POLL).await;
    }
}

fn takers(report: &Value) -> Vec<Value> {
    let moves = report["moves"].as_array().cloned().unwrap_or_default();
    moves.iter().flat_map(|one| one["takers"].as_array().cloned().unwrap_or_default()).collect()
}

/// A `causeway reshard 2 --watch` under way.
struct Watch {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watch {
    fn start(address: &str) -> Self {
        let mut command = Command::new(binary::path());
        command.args(["reshard", "2", "--watch", "--node", address]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.kill_on_drop(true).spawn().expect("the program runs");
        let lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        Self { process, lines }
    }

    /// Waits until it has shown the move, not done yet at either taker.
    async fn shows_the_move(&mut self) {
        let shown = async {
            while let Some(line) = self.lines.next_line().await.expect("text") {
                if line.starts_with("s0 -> s1  8192 slots [") && line.contains(", 0 of 2 nodes, eta ") {
                    return;
                }
            }
            panic!("it ended without a line for the move");
        };
        time::timeout(SOON, shown).await.expect("it looks every half second");
    }
}

/// Everybody sees the slots move.
async fn copying_is_seen(cluster: &Cluster) {
    let moving = |taker: &Value| taker["bytes"].as_u64() > Some(0) && taker["copied"] == false;
    let report = until(cluster, 3, |report| takers(report).iter().any(moving)).await;
    let head = ["stage", "shards", "goal"].map(|name| report[name].clone());
    assert_eq!(head, [json!("copying"), json!(1), json!(2)], "{report}");
    assert_eq!((&report["moves"][0]["slots"], takers(&report).len()), (&json!(8_192), 2), "{report}");
    let keys = report["moves"][0]["keys"].as_u64().expect("a replica of the giving shard has counted");
    assert!((1..KEYS as u64).contains(&keys), "{report}");

    let status = causeway(&["status", "--node", &cluster.addresses()[1], "--json"]).await;
    let seen: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    assert_eq!(seen["reshard"]["stage"], "copying", "{seen}");
    let imports = |node: &Value| node["said"]["transfer"]["import"] == "s0";
    assert!(seen["nodes"].as_array().is_some_and(|nodes| nodes.iter().any(imports)), "{seen}");
}

#[tokio::test]
async fn a_reshard_is_watched_called_off_and_asked_for_again() {
    let cluster = Cluster::serving_in((4, 1), &[("CAUSEWAY_TRANSFER_BYTES_PER_S", BYTES_PER_S)]).await;
    let mut token = Value::Null;
    for i in 0..KEYS {
        token = put(&cluster, i, &token).await;
    }
    let at = |node: usize| cluster.addresses()[node].clone();

    let mut watch = Watch::start(&at(0));
    watch.shows_the_move().await;
    copying_is_seen(&cluster).await;
    assert_eq!(said(&causeway(&["reshard", "--abort", "--node", &at(2)]).await), ("aborted".to_owned(), Some(0)));
    let watched = time::timeout(SOON, watch.process.wait_with_output()).await.expect("it ends").expect("it ended");
    assert_eq!(watched.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&watched.stderr).contains("409: The reshard was aborted"), "{watched:?}");
    until(&cluster, 0, |report| report["stage"] == "none" && report["shards"] == 1).await;
    all_are_read(&cluster, &token).await;
    assert_eq!(causeway(&["reshard", "--abort", "--node", &at(3)]).await.status.code(), Some(1), "nothing to call off");

    let again = causeway(&["reshard", "2", "--watch", "--json", "--node", &at(3)]).await;
    let done = String::from_utf8_lossy(&again.stdout).lines().any(|line| line == r#"{"result":"resharded"}"#);
    assert_eq!((again.status.code(), done), (Some(0), true), "{again:?}");
    for node in cluster.nodes() {
        until(&cluster, node, |report| report["stage"] == "none" && report["shards"] == 2).await;
    }
    all_are_read(&cluster, &token).await;
    let status = causeway(&["status", "--node", &at(2)]).await;
    let shown = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(shown.contains("│ s1    ┆ 8192  ┆") && shown.contains("no reshard is under way: 2 shards"), "{shown}");
}
