//! A whole cluster in simulation: what clients see of nodes that are up, down, paused, killed, wiped and out of reach.

use std::sync::{Arc, Mutex};

use axum::http::{Method, Request, Response};
use bytes::Bytes;
use causeway::{
    id::NodeId,
    node::{Event, Settings},
    store::FsyncPolicy,
};
use causeway_sim::{
    client::NoAnswer,
    cluster::{Cluster, ClusterPlan},
    observe::Observer,
    seeded::run_seeded,
    world::{Death, Flow},
};
use serde_json::{Value, json};

const CLIENT: u32 = 0;
const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);

/// Two replicas of one shard that have had a second to found themselves.
fn with_cluster<T, F>(scenario: impl FnOnce(Arc<Cluster>) -> F + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + 'static,
{
    with_plan(|_| {}, scenario)
}

fn with_plan<T, F>(change: fn(&mut ClusterPlan), scenario: impl FnOnce(Arc<Cluster>) -> F + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + 'static,
{
    run_seeded(1, None, async move |streams| {
        let mut plan = ClusterPlan { nodes: 2, shards: 1, client_timeout_us: 2_000_000, ..ClusterPlan::default() };
        change(&mut plan);
        let cluster = Cluster::found(plan, streams).expect("two nodes hold one shard");
        cluster.nodes().for_each(|node| cluster.start(node));
        cluster.world().sleep_us(1_000_000).await;
        scenario(cluster).await
    })
}

async fn ask(cluster: &Cluster, node: NodeId, method: Method, body: &Value) -> Result<Response<Bytes>, NoAnswer> {
    let request = Request::builder().method(method).uri("/kvs/x").body(Bytes::from(body.to_string()));
    cluster.request(CLIENT, node, request.expect("a legal request")).await
}

async fn put(cluster: &Cluster, node: NodeId, value: &str) -> Result<u16, NoAnswer> {
    ask(cluster, node, Method::PUT, &json!({ "value": value })).await.map(|response| response.status().as_u16())
}

async fn get(cluster: &Cluster, node: NodeId) -> (u16, Value) {
    let response = ask(cluster, node, Method::GET, &json!({})).await.expect("an answer");
    let body: Value = serde_json::from_slice(response.body()).expect("a JSON body");
    (response.status().as_u16(), body["value"].clone())
}

#[test]
fn a_write_is_answered_replicated_and_outlives_the_power_of_all() {
    with_cluster(async |cluster| {
        assert_eq!(put(&cluster, A, "kept").await, Ok(201));
        cluster.world().sleep_us(500_000).await;
        assert_eq!(get(&cluster, B).await, (200, json!("kept")));
        cluster.nodes().for_each(|node| cluster.end(node, Death::PowerLoss));
        cluster.nodes().for_each(|node| cluster.start(node));
        cluster.world().sleep_us(1_000_000).await;
        for node in cluster.nodes() {
            assert_eq!(get(&cluster, node).await, (200, json!("kept")), "{node}");
        }
    });
}

#[test]
fn a_dead_node_refuses_a_paused_one_is_silent_a_killed_one_breaks_off() {
    with_cluster(async |cluster| {
        cluster.end(B, Death::Kill);
        assert_eq!(put(&cluster, B, "1").await, Err(NoAnswer::Refused));
        cluster.world().pause(A);
        let start_us = cluster.world().now_us();
        assert_eq!(put(&cluster, A, "2").await, Err(NoAnswer::TimedOut));
        assert!(cluster.world().now_us() - start_us >= 2_000_000);
        let waiting = cluster.clone();
        let answer = madsim::task::spawn(async move { put(&waiting, A, "3").await });
        cluster.world().sleep_us(100_000).await;
        cluster.end(A, Death::Kill);
        assert_eq!(answer.await.expect("the client lives"), Err(NoAnswer::Broken));
    });
}

#[test]
fn a_paused_node_answers_when_it_goes_on() {
    with_cluster(async |cluster| {
        cluster.world().pause(A);
        let waiting = cluster.clone();
        let answer = madsim::task::spawn(async move { put(&waiting, A, "late").await });
        cluster.world().sleep_us(1_000_000).await;
        assert!(!answer.is_finished());
        cluster.world().resume(A);
        assert_eq!(answer.await.expect("the client lives"), Ok(201));
    });
}

#[test]
fn a_lost_request_or_answer_is_silence() {
    with_cluster(async |cluster| {
        cluster.change_client_link(A, |link| link.loss = 1.0);
        assert_eq!(put(&cluster, A, "x").await, Err(NoAnswer::TimedOut));
        cluster.change_client_link(A, |link| link.loss = 0.5);
        let mut outcomes = (0, 0);
        for number in 0..40 {
            match put(&cluster, A, &number.to_string()).await {
                Ok(_) => outcomes.0 += 1,
                Err(NoAnswer::TimedOut) => outcomes.1 += 1,
                Err(other) => panic!("{other}"),
            }
        }
        assert!(outcomes.0 >= 3 && outcomes.1 >= 20, "{outcomes:?}");
        cluster.change_client_link(A, |link| link.loss = 0.0);
        assert_eq!(put(&cluster, A, "y").await, Ok(200));
    });
}

#[test]
fn a_node_that_is_cut_off_writes_and_its_peer_learns_of_it_after_the_heal() {
    with_cluster(async |cluster| {
        let down_us = Settings::default().down_after_ms * 1_000;
        cluster.world().change_links(|_, _, link| link.flow = Flow::Cut);
        cluster.world().sleep_us(down_us + 500_000).await;
        let start_us = cluster.world().now_us();
        assert_eq!(put(&cluster, A, "alone").await, Ok(201));
        assert!(cluster.world().now_us() - start_us < 1_000_000);
        assert_eq!(get(&cluster, B).await.0, 404);
        cluster.world().change_links(|_, _, link| link.flow = Flow::Open);
        cluster.world().sleep_us(2_000_000).await;
        assert_eq!(get(&cluster, B).await, (200, json!("alone")));
    });
}

#[test]
fn a_wiped_node_is_filled_by_its_peer() {
    with_cluster(async |cluster| {
        assert_eq!(put(&cluster, A, "survives").await, Ok(201));
        cluster.world().sleep_us(500_000).await;
        cluster.wipe(A);
        assert_eq!(cluster.world().disk_used_bytes(A), 0);
        cluster.start(A);
        cluster.world().sleep_us(2_000_000).await;
        assert_eq!(get(&cluster, A).await, (200, json!("survives")));
    });
}

#[test]
fn a_stopped_node_has_made_everything_durable_and_a_killed_one_has_not() {
    /// How many sectors are at the mercy of a loss of power right after node A ended so.
    async fn at_risk(cluster: &Arc<Cluster>) -> u64 {
        let before = cluster.world().disk_stats(A);
        cluster.start(A);
        cluster.end(A, Death::PowerLoss);
        let after = cluster.world().disk_stats(A);
        after.sectors_lost + after.sectors_kept - before.sectors_lost - before.sectors_kept
    }
    for stop in [true, false] {
        let never = |plan: &mut ClusterPlan| plan.fsync = FsyncPolicy::Never;
        with_plan(never, async move |cluster| {
            assert_eq!(put(&cluster, A, "x").await, Ok(201));
            if stop {
                cluster.stop(A).await;
            } else {
                cluster.end(A, Death::Kill);
            }
            assert_eq!(put(&cluster, A, "y").await, Err(NoAnswer::Refused));
            assert_eq!(at_risk(&cluster).await == 0, stop, "stopped: {stop}");
        });
    }
}

#[derive(Default)]
struct Recorder(Vec<(u64, NodeId, String)>);

impl Observer for Recorder {
    fn event(&mut self, at_us: u64, node: NodeId, event: &Event) {
        self.0.push((at_us, node, event.to_string()));
    }
}

#[test]
fn an_observer_hears_every_event_at_its_true_time() {
    with_cluster(async |cluster| {
        let recorder = Arc::new(Mutex::new(Recorder::default()));
        cluster.world().observe_with(recorder.clone());
        let start_us = cluster.world().now_us();
        assert_eq!(put(&cluster, A, "seen").await, Ok(201));
        cluster.world().sleep_us(500_000).await;
        let Recorder(events) = std::mem::take(&mut *recorder.lock().expect("one thread"));
        for node in cluster.nodes() {
            let applied = events.iter().find(|(_, at, text)| *at == node && text.starts_with("applied put x"));
            let (at_us, ..) = applied.expect("both replicas apply the write");
            assert!((start_us..start_us + 500_000).contains(at_us));
        }
    });
}

/// Tasks hold the world, and the world holds their wakers: a sweep of thousands of runs in one process would grow without end.
#[test]
fn a_closed_cluster_frees_its_world() {
    let worlds = run_seeded(1, None, async |streams| {
        let mut worlds = Vec::new();
        for close in [true, false] {
            let plan = ClusterPlan { nodes: 2, shards: 1, ..ClusterPlan::default() };
            let cluster = Cluster::found(plan, streams).expect("two nodes can hold one shard");
            cluster.nodes().for_each(|node| cluster.start(node));
            cluster.world().sleep_us(500_000).await;
            if close {
                cluster.close().await;
            }
            worlds.push(Arc::downgrade(cluster.world()));
        }
        worlds
    });
    let freed: Vec<bool> = worlds.iter().map(|world| world.upgrade().is_none()).collect();
    assert_eq!(freed, [true, false], "the second one shows that the question can be answered with no");
}
