//! Tokens that are kept from before a change, to be shown again after it: each must be accepted, and nothing older than what it has
//! seen be shown for it.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};
use tokio::time;

use crate::cluster::Cluster;

/// A token is honoured at once, unless what it names is still on its way.
const HONOURED_WITHIN: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

/// What a session saw that has done nothing since.
struct Keepsake {
    name: String,
    token: Value,
}

/// All that were taken.
#[derive(Default)]
pub struct Keepsakes(Vec<Keepsake>);

impl Keepsakes {
    /// A new one: a key that was overwritten and a key that was deleted, the last of it by this node.
    pub async fn take(&mut self, cluster: &Cluster, node: usize, name: &str) {
        let nodes = cluster.nodes().len();
        let (kept, gone) = (kept(name), gone(name));
        let mut token = cluster.put((node + 1) % nodes, &kept, &json!({"value": "old"})).await;
        token = cluster.put((node + 2) % nodes, &gone, &json!({"value": "old", "causal-metadata": token})).await;
        let began = Instant::now();
        token = loop {
            let body = json!({"causal-metadata": token});
            let (status, answer) = cluster.answer(node, Method::DELETE, &format!("/kvs/{gone}"), &body).await;
            // After an outcome that was not known, it may be deleted already.
            if matches!(status, 200 | 404) {
                break answer["causal-metadata"].clone();
            }
            assert!(matches!(status, 503 | 504) && began.elapsed() < HONOURED_WITHIN, "node {node} answers {status}: {answer}");
            time::sleep(POLL).await;
        };
        token = cluster.put(node, &kept, &json!({"value": "new", "causal-metadata": token})).await;
        self.0.push(Keepsake { name: name.to_owned(), token });
    }

    /// Shows each to every node that runs: until it is honoured, it may only be refused for now.
    pub async fn are_honoured(&self, cluster: &Cluster) {
        for node in cluster.nodes() {
            let began = Instant::now();
            for keepsake in &self.0 {
                while !keepsake.is_honoured(cluster, node).await {
                    assert!(began.elapsed() < HONOURED_WITHIN, "the token of {} is not honoured by node {node}", keepsake.name);
                    time::sleep(POLL).await;
                }
            }
        }
    }

    /// Shows each to a node while another one is down: what only that one had is refused, and nothing else is said.
    pub async fn are_not_belied(&self, cluster: &Cluster, node: usize) {
        for keepsake in &self.0 {
            keepsake.is_honoured(cluster, node).await;
        }
    }
}

impl Keepsake {
    /// False when it is refused for now. Anything but what it has seen is never said.
    async fn is_honoured(&self, cluster: &Cluster, node: usize) -> bool {
        let asked = json!({"causal-metadata": self.token});
        let mut honoured = true;
        for (key, expected) in [(kept(&self.name), (200, json!("new"))), (gone(&self.name), (404, Value::Null))] {
            let (status, body) = cluster.answer(node, Method::GET, &format!("/kvs/{key}"), &asked).await;
            let is_refused = status == 503;
            assert!(is_refused || (status, &body["value"]) == (expected.0, &expected.1), "{key} at node {node}: {status} {body}");
            honoured &= !is_refused;
        }
        honoured
    }
}

fn kept(name: &str) -> String {
    format!("kept-{name}")
}

fn gone(name: &str) -> String {
    format!("gone-{name}")
}
