//! Six nodes in two shards of three and three more that are to be the third shard: a reshard from two to three.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use causeway::http::{Client, Outgoing};
use hyper::Method;
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time};

use crate::{
    cluster::Cluster,
    samples::{Sample, Watch},
};

const VALUE_BYTES: usize = 100;
const NODES_A_SHARD: usize = 3;
const CONNECTIONS: usize = 48;
const DEADLINE: Duration = Duration::from_secs(10);
const RESHARD_DEADLINE: Duration = Duration::from_secs(600);
const POLL: Duration = Duration::from_millis(50);
const MIB: f64 = (1 << 20) as f64;

/// Measures once, and prints.
pub async fn print(keys: usize) {
    let mut cluster = Cluster::serving_in((2 * NODES_A_SHARD, 2), &[]).await;
    let began = Instant::now();
    load(&cluster, keys).await;
    println!("\n{keys} keys of {VALUE_BYTES} bytes in two shards of three, loaded in {:.1} s", began.elapsed().as_secs_f64());
    let takers: Vec<usize> = (0..NODES_A_SHARD).map(|_| cluster.add_node()).collect();
    cluster.until_views_are(&cluster.nodes(), DEADLINE).await;
    until_stable(&cluster).await;

    let processes: Vec<u32> = cluster.nodes().into_iter().map(|node| cluster.process(node)).collect();
    let before: Vec<Sample> = processes.iter().map(|process| Sample::of(*process)).collect();
    let watch = Watch::over(processes.clone());
    let over = Arc::new(AtomicBool::default());
    let copying =
        tokio::spawn(watch_copying(takers.iter().map(|node| cluster.addresses()[*node].clone()).collect(), over.clone()));
    let reading = tokio::spawn(watch_reads(cluster.addresses().to_vec(), keys, over.clone()));
    let began = Instant::now();
    let asked = Outgoing::new(Method::PUT, "/shard/reshard").json(&json!({"shard-count": 3}));
    let answer = Client::new(&cluster.addresses()[0]).send(asked, RESHARD_DEADLINE).await;
    let took = began.elapsed();
    over.store(true, Ordering::Relaxed);
    println!("reshard from 2 to 3: {answer:?} after {:.1} s", took.as_secs_f64());
    let copying = copying.await.expect("it does not panic");
    let share = 100.0 * copying.as_secs_f64() / took.as_secs_f64();
    println!("of these, some new owner's keys were growing for {:.1} s: {share:.0} %", copying.as_secs_f64());
    let (reads, longest) = reading.await.expect("it does not panic");
    println!("meanwhile {reads} reads one after the other, the longest {} ms", longest.as_millis());
    until_stable(&cluster).await;
    let most = watch.end();
    println!("{:>6} {:>12} {:>12} {:>12} {:>12} {:>8}", "node", "MiB before", "most", "after", "growth", "cpu s");
    for (node, process) in cluster.nodes().into_iter().zip(processes) {
        let (before, after, most) = (before[node], Sample::of(process), most[&process]);
        // Of a new owner: over what it has in the end.
        let growth = 100.0 * (most as f64 / before.memory.max(after.memory) as f64 - 1.0);
        let mib = |bytes: u64| bytes as f64 / MIB;
        let (before_mib, most_mib, after_mib) = (mib(before.memory), mib(most), mib(after.memory));
        let cpu_s = after.cpu_s - before.cpu_s;
        println!("{node:>6} {before_mib:>12.1} {most_mib:>12.1} {after_mib:>12.1} {growth:>10.0} % {cpu_s:>8.1}");
    }
}

/// Writes all keys, over many connections to all nodes.
async fn load(cluster: &Cluster, keys: usize) {
    let next = Arc::new(AtomicUsize::default());
    let nodes = cluster.addresses().len();
    let writer = |number: usize| {
        let (mut client, next) = (Client::new(&cluster.addresses()[number % nodes]), next.clone());
        tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= keys {
                    return;
                }
                let body = json!({"value": format!("{number:0VALUE_BYTES$}")});
                let put = Outgoing::new(Method::PUT, format!("/kvs/key-{number}")).json(&body);
                while !client.send(put.clone(), DEADLINE).await.is_ok_and(|(status, _)| matches!(status, 200 | 201)) {
                    time::sleep(POLL).await;
                }
            }
        })
    };
    for writer in (0..CONNECTIONS).map(writer).collect::<Vec<JoinHandle<()>>>() {
        writer.await.expect("it does not panic");
    }
}

/// A measure of a node, as its metrics have it.
async fn metric(client: &mut Client, name: &str) -> Option<f64> {
    let (_, page) = client.send_raw(Outgoing::new(Method::GET, "/metrics"), DEADLINE).await.ok()?;
    let page = String::from_utf8(page.to_vec()).ok()?;
    page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// Waits until every node has forgotten what it keeps only for a while.
async fn until_stable(cluster: &Cluster) {
    let began = Instant::now();
    for node in cluster.nodes() {
        let mut client = Client::new(&cluster.addresses()[node]);
        while metric(&mut client, "causeway_unstable_versions").await != Some(0.0) {
            assert!(began.elapsed() < RESHARD_DEADLINE, "node {node} does not come to rest");
            time::sleep(POLL).await;
        }
    }
}

/// How long some of these nodes had more and more keys.
async fn watch_copying(addresses: Vec<String>, over: Arc<AtomicBool>) -> Duration {
    let mut clients: Vec<(Client, f64)> = addresses.into_iter().map(|address| (Client::new(address), 0.0)).collect();
    let (mut copying, mut last) = (Duration::ZERO, Instant::now());
    while !over.load(Ordering::Relaxed) {
        let mut grew = false;
        for (client, known) in &mut clients {
            let keys = metric(client, "causeway_keys").await.unwrap_or(*known);
            grew |= std::mem::replace(known, keys) < keys;
        }
        let now = Instant::now();
        if grew {
            copying += now - last;
        }
        last = now;
        time::sleep(POLL).await;
    }
    copying
}

/// Reads one key after the other, each from the next node. How many there were, and how long the longest took.
async fn watch_reads(addresses: Vec<String>, keys: usize, over: Arc<AtomicBool>) -> (usize, Duration) {
    let mut clients: Vec<Client> = addresses.into_iter().map(Client::new).collect();
    let (mut reads, mut longest) = (0, Duration::ZERO);
    while !over.load(Ordering::Relaxed) {
        let nodes = clients.len();
        let (client, key) = (&mut clients[reads % nodes], reads * 7_919 % keys);
        let began = Instant::now();
        let get = Outgoing::new(Method::GET, format!("/kvs/key-{key}")).json(&Value::Null);
        let answer = client.send(get, DEADLINE).await;
        assert!(!matches!(answer, Ok((404, _))), "key-{key} is gone: {answer:?}");
        (reads, longest) = (reads + 1, longest.max(began.elapsed()));
        time::sleep(Duration::from_millis(10)).await;
    }
    (reads, longest)
}
