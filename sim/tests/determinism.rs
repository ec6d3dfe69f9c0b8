//! The same seed gives the same run, byte for byte: on fresh threads of one process, and in two processes. And the comparison can
//! fail: what would break determinism does show.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    sync::{Arc, Mutex},
};

use axum::http::{Method, Request, Response};
use bytes::Bytes;
use causeway::id::NodeId;
use causeway_sim::{
    client::NoAnswer,
    cluster::{Cluster, ClusterPlan},
    seeded::run_seeded,
    streams::{Purpose, Streams},
    trace::{Entry, Keep},
    world::{ClockChange, Death, Flow, Order},
};
use rand::{Rng, RngExt};
use serde_json::{Value, json};

/// Something that a run does in the middle of its scenario.
type Extra = fn(&Cluster);

/// One run under faults of all kinds: its trace.
fn run(seed: u64, extra: Extra) -> String {
    run_seeded(seed, None, move |streams| scenario(streams, extra))
}

async fn scenario(streams: Streams, extra: Extra) -> String {
    let plan = ClusterPlan { nodes: 4, keep: Keep::All, client_timeout_us: 1_000_000, ..ClusterPlan::default() };
    let cluster = Cluster::found(plan, streams).expect("4 nodes hold 2 shards");
    let world = cluster.world();
    world.change_links(|_, _, link| (link.loss, link.duplication, link.order) = (0.02, 0.02, Order::Any));
    world.change_clock(NodeId(1), ClockChange::Drift { ppm: 200 });
    cluster.nodes().for_each(|node| cluster.start(node));
    world.sleep_us(500_000).await;
    for client in 0..4 {
        let random = streams.numbered(Purpose::Workload, client);
        madsim::task::spawn(session(cluster.clone(), client, random));
    }
    world.sleep_us(500_000).await;
    cluster.end(NodeId(0), Death::PowerLoss);
    world.change_link(NodeId(1), NodeId(2), |link| link.flow = Flow::Cut);
    world.sleep_us(500_000).await;
    extra(&cluster);
    cluster.start(NodeId(0));
    world.change_clock(NodeId(2), ClockChange::Jump { by_ms: -80 });
    world.change_disk(NodeId(3), |settings| settings.slowness = 20);
    world.pause(NodeId(1));
    world.sleep_us(700_000).await;
    world.resume(NodeId(1));
    world.change_link(NodeId(1), NodeId(2), |link| link.flow = Flow::Open);
    world.sleep_us(1_500_000).await;
    world.with_trace(|trace| format!("{}digest {:016x}\n", trace.text(), trace.digest()))
}

/// Writes and reads a few keys at any node, for ever.
async fn session(cluster: Arc<Cluster>, client: u32, mut random: impl Rng) {
    let mut token = Value::Null;
    loop {
        let node = NodeId(random.random_range(0..4));
        let uri = format!("/kvs/k{}", random.random_range(0..8));
        let method = if random.random_bool(0.5) { Method::PUT } else { Method::GET };
        let body = json!({ "value": random.random::<u16>(), "causal-metadata": token }).to_string();
        let request = Request::builder().method(method).uri(uri).header("content-type", "application/json");
        let request = request.body(Bytes::from(body)).expect("a legal request");
        if let Some(newer) = token_of(cluster.request(client, node, request).await) {
            token = newer;
        }
        cluster.world().sleep_us(random.random_range(1_000..20_000)).await;
    }
}

fn token_of(answer: Result<Response<Bytes>, NoAnswer>) -> Option<Value> {
    let body: Value = serde_json::from_slice(answer.ok()?.body()).ok()?;
    body.get("causal-metadata").cloned()
}

#[test]
fn the_same_seed_gives_the_same_trace_on_fresh_threads() {
    let first = run(7, |_| {});
    for what in ["loses power", "is paused", "> c", "push", "forward", "stable"] {
        assert!(first.contains(what), "the scenario shows no '{what}'");
    }
    assert!(first.lines().count() > 1_000, "{} lines", first.lines().count());
    assert_same(&first, &run(7, |_| {}));
    assert_ne!(first, run(8, |_| {}), "another seed is another run");
}

#[test]
fn the_same_seed_gives_the_same_trace_in_two_processes() {
    assert_same(&run_in_another_process(), &run_in_another_process());
    assert_same(&run_in_another_process(), &format!("{BEGIN}{}", run(7, |_| {})));
}

/// A small cluster at work: when frames arrived, or did not, on each link. At half a second something is done to it.
fn arrivals(extra: fn(Arc<Cluster>)) -> BTreeMap<String, Vec<String>> {
    let text = run_seeded(7, None, async move |streams| {
        let plan = ClusterPlan { nodes: 4, keep: Keep::All, ..ClusterPlan::default() };
        let cluster = Cluster::found(plan, streams).expect("4 nodes hold 2 shards");
        let world = cluster.world();
        world.change_links(|_, _, link| (link.loss, link.duplication, link.order) = (0.05, 0.05, Order::Any));
        cluster.nodes().for_each(|node| cluster.start(node));
        world.sleep_us(500_000).await;
        extra(cluster.clone());
        world.sleep_us(1_500_000).await;
        world.with_trace(|trace| trace.text())
    });
    let mut links = BTreeMap::<String, Vec<String>>::new();
    for line in text.lines().filter(|line| line.contains(" > ") && !line.contains("fault: ")) {
        let (time, rest) = line.trim_start().split_once(' ').expect("a line begins with its time");
        let (link, what) = rest.split_once(':').expect("a frame is on a link");
        let lost = if what.starts_with(" lost") { what } else { "" };
        links.entry(link.to_owned()).or_default().push(format!("{time}{lost}"));
    }
    links
}

/// The links on which something else arrived, or at another time.
fn differing(left: &BTreeMap<String, Vec<String>>, right: &BTreeMap<String, Vec<String>>) -> BTreeSet<String> {
    left.keys().chain(right.keys()).filter(|link| left.get(*link) != right.get(*link)).cloned().collect()
}

#[test]
fn the_loss_of_frames_leaves_the_fate_of_all_others_alone() {
    let undisturbed = arrivals(|_| {});
    assert!(undisturbed.len() == 12 && undisturbed.values().all(|times| times.len() > 10), "{undisturbed:?}");
    let disturbed = arrivals(|cluster| {
        let world = cluster.world().clone();
        world.change_link(NodeId(0), NodeId(1), |link| link.loss = 1.0);
        madsim::task::spawn(async move {
            world.sleep_us(100_000).await;
            world.change_link(NodeId(0), NodeId(1), |link| link.loss = 0.05);
        });
    });
    assert_eq!(differing(&undisturbed, &disturbed), ["n0 > n1".to_owned()].into());
    let lost = |arrivals: &BTreeMap<String, Vec<String>>| arrivals["n0 > n1"].iter().filter(|what| what.contains("lost")).count();
    assert!(lost(&disturbed) > lost(&undisturbed));
}

#[test]
fn one_request_more_changes_nothing_between_nodes_that_it_does_not_reach() {
    let undisturbed = arrivals(|_| {});
    let disturbed = arrivals(|cluster| {
        madsim::task::spawn(async move {
            let body = Bytes::from_static(br#"{"causal-metadata":null}"#);
            let request = Request::builder().method(Method::GET).uri("/kvs/x").body(body).expect("a legal request");
            cluster.request(9, NodeId(0), request).await
        });
    });
    let changed = differing(&undisturbed, &disturbed);
    assert!(changed.contains("n0 > n1"), "n0 has passed it on to n1: {changed:?}");
    assert!(changed.iter().all(|link| link.contains("n0")), "and others have nothing to do with it: {changed:?}");
}

const BEGIN: &str = "trace begins\n";
const END: &str = "trace ends\n";

fn run_in_another_process() -> String {
    let program = std::env::current_exe().expect("a test knows its program");
    let arguments = ["--exact", "--ignored", "--nocapture", "prints_a_trace_for_another_process"];
    let output = Command::new(program).args(arguments).output().expect("the program starts again");
    let text = String::from_utf8(output.stdout).expect("a trace is text");
    let begin = text.find(BEGIN).expect("the trace was printed");
    let end = text.find(END).expect("the trace was printed whole");
    text[begin..end].to_owned()
}

#[test]
#[ignore = "the other process of the test above"]
#[expect(clippy::disallowed_macros, reason = "standard output is how it hands the trace over")]
fn prints_a_trace_for_another_process() {
    println!("{BEGIN}{}{END}", run(7, |_| {}));
}

#[test]
fn what_differs_between_runs_shows_in_the_trace() {
    // Not reset between runs: what a static, or a clock of the machine, would do to a run.
    static RUNS: Mutex<u32> = Mutex::new(0);
    let leak: Extra = |cluster| {
        let mut runs = RUNS.lock().expect("one run at a time");
        *runs += 1;
        let delay_us = u64::from(*runs);
        cluster.world().change_link(NodeId(2), NodeId(3), |link| link.latency_us = 200..=1_000 + delay_us);
    };
    assert_ne!(run(7, leak), run(7, leak), "a counter that outlives the run");
}

#[test]
#[expect(clippy::disallowed_types, reason = "it shows what is disallowed, and that a fresh thread contains it")]
fn the_order_of_a_hash_map_is_the_same_on_fresh_threads() {
    let order: Extra = |cluster| {
        let map: std::collections::HashMap<u64, ()> = (0..16).map(|number| (number, ())).collect();
        let keys: Vec<String> = map.keys().map(u64::to_string).collect();
        cluster.world().note(Entry::Fault(&keys.join(" ")));
    };
    assert_same(&run(7, order), &run(7, order));
}

fn assert_same(left: &str, right: &str) {
    let differs = left.lines().zip(right.lines()).enumerate().find(|(_, (left, right))| left != right);
    if let Some((number, (left, right))) = differs {
        panic!("line {number} differs:\n{left}\n{right}");
    }
    assert_eq!(left.len(), right.len(), "one trace is longer");
}
