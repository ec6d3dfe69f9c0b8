//! What one slow replica of six nodes in two shards costs the clients of the other five: `cargo bench -p causeway-sim --bench slow_replica`.
//!
//! In simulated time, so that the figures are the same on every machine. Sessions put and get keys of both shards, at the five nodes; half
//! of the requests are passed on to a member of the other shard. The slow node takes 100 times as long for everything, and is never
//! suspected, since its heartbeats come.

#![expect(clippy::disallowed_macros, reason = "it prints what it measures")]

use std::sync::{Arc, Mutex};

use axum::http::{Method, Request};
use bytes::Bytes;
use causeway::id::NodeId;
use causeway_sim::{
    cluster::{Cluster, ClusterPlan},
    seeded::run_seeded,
};

const SLOW: NodeId = NodeId(0);
const FACTOR: u64 = 100;
const SEEDS: u64 = 5;
const SESSIONS: u32 = 25;
const KEYS: u32 = 500;
/// Between two requests of a session.
const THINK_US: u64 = 4_000;
const WARM_UP_US: u64 = 5_000_000;
const MEASURED_US: u64 = 20_000_000;

fn main() {
    println!("requests at the other nodes   p50 ms   p99 ms   p99.9 ms   not answered with success");
    let healthy = measure(1);
    let slow = measure(FACTOR);
    healthy.print("all are well");
    slow.print("one is 100 times slower");
    println!("p99: {:.2} times as long", slow.percentile_ms(0.99) / healthy.percentile_ms(0.99));
}

/// Of all requests of some runs.
#[derive(Default)]
struct Measured {
    took_us: Vec<u64>,
    failed: usize,
}

impl Measured {
    fn percentile_ms(&self, part: f64) -> f64 {
        let place = (self.took_us.len() as f64 * part) as usize;
        self.took_us[place.min(self.took_us.len() - 1)] as f64 / 1_000.0
    }

    fn print(&self, name: &str) {
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|part| self.percentile_ms(part));
        println!("{name:<28} {p50:>7.2} {p99:>8.2} {p999:>10.2}   {} of {}", self.failed, self.took_us.len());
    }
}

fn measure(slowness: u64) -> Measured {
    let mut all = Measured::default();
    for seed in 1..=SEEDS {
        let measured = run_seeded(seed, None, move |streams| async move {
            let cluster = Cluster::found(ClusterPlan::default(), streams).expect("six nodes, two shards");
            run(cluster, slowness).await
        });
        all.took_us.extend(measured.took_us);
        all.failed += measured.failed;
    }
    all.took_us.sort_unstable();
    all
}

async fn run(cluster: Arc<Cluster>, slowness: u64) -> Measured {
    let world = cluster.world().clone();
    cluster.nodes().for_each(|node| cluster.start(node));
    world.sleep_us(WARM_UP_US).await;
    world.set_slowness(SLOW, slowness);
    let others: Vec<NodeId> = cluster.nodes().filter(|node| *node != SLOW).collect();
    let measured = Arc::new(Mutex::new(Measured::default()));
    let sessions: Vec<_> = (0..SESSIONS)
        .map(|number| {
            let node = others[number as usize % others.len()];
            madsim::task::spawn(session(cluster.clone(), number, node, measured.clone()))
        })
        .collect();
    for session in sessions {
        session.await.expect("it does not panic");
    }
    world.set_slowness(SLOW, 1);
    cluster.close().await;
    std::mem::take(&mut *measured.lock().expect("no panic"))
}

/// One request after the other at one node, half of them puts. The first seconds do not count: there it is found out who is slow.
async fn session(cluster: Arc<Cluster>, number: u32, node: NodeId, measured: Arc<Mutex<Measured>>) {
    let world = cluster.world();
    let began_us = world.now_us();
    world.sleep_us(u64::from(number) * THINK_US / u64::from(SESSIONS)).await;
    let mut metadata = "null".to_owned();
    for turn in 0.. {
        let asked_us = world.now_us();
        if asked_us > began_us + WARM_UP_US + MEASURED_US {
            return;
        }
        let key = (number * 7_919 + turn * 104_729) % KEYS;
        let (method, value) = if turn % 2 == 0 { (Method::PUT, r#""value":"v","#) } else { (Method::GET, "") };
        let body = format!(r#"{{{value}"causal-metadata":{metadata}}}"#);
        let request = Request::builder().method(method).uri(format!("/kvs/key-{key}")).body(Bytes::from(body)).expect("legal");
        let answer = cluster.request(number, node, request).await;
        let succeeded = answer.as_ref().is_ok_and(|answer| answer.status().is_success() || answer.status() == 404);
        if asked_us > began_us + WARM_UP_US {
            let mut measured = measured.lock().expect("no panic");
            measured.took_us.push(world.now_us() - asked_us);
            measured.failed += usize::from(!succeeded);
        }
        let seen = answer.ok().and_then(|answer| serde_json::from_slice::<serde_json::Value>(answer.body()).ok());
        if let Some(seen) = seen.filter(|seen| seen["causal-metadata"].is_string()) {
            metadata = seen["causal-metadata"].to_string();
        }
        world.sleep_us(THINK_US).await;
    }
}
