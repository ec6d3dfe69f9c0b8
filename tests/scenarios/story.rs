//! A scenario as it is told: what clients asked and were answered, what was done to nodes and links, and nothing that depends on
//! how the nodes went about it. So a reordering that nobody can observe changes no line.

use std::{collections::BTreeMap, fmt::Write, future::Future, sync::Arc};

use axum::http::Request;
use bytes::Bytes;
use causeway::{id::NodeId, node::Settings};
use causeway_sim::{
    cluster::{Cluster, ClusterPlan},
    seeded::run_seeded,
    streams::Streams,
    world::{Death, Flow},
};
use serde_json::{Value, json};

/// The seed of all scenarios: any would do, since none of them leaves anything to chance that is shown.
const SEED: u64 = 1;

/// A cluster, its clients, and the account of what happened.
pub struct Story {
    cluster: Arc<Cluster>,
    text: String,
    sessions: BTreeMap<&'static str, Value>,
}

/// Tells a story of a cluster of so many nodes and shards; gives its text.
pub fn tell<F>(nodes: u16, shards: u16, settings: Settings, story: impl FnOnce(Story) -> F + Send + 'static) -> String
where
    F: Future<Output = Story> + 'static,
{
    run_seeded(SEED, None, move |streams: Streams| async move {
        let plan = ClusterPlan { nodes, shards, settings, ..ClusterPlan::default() };
        let cluster = Cluster::found(plan, streams).expect("a placement");
        let text = format!("{nodes} nodes, {shards} shards\n");
        let begun = Story { cluster, text, sessions: BTreeMap::new() };
        begun.cluster.nodes().for_each(|node| begun.cluster.start(node));
        begun.sleep_ms(1_000).await;
        story(begun).await.text
    })
}

impl Story {
    /// Lets time pass.
    pub async fn wait_ms(&mut self, ms: u64) {
        self.line(&format!("{ms} ms pass"));
        self.sleep_ms(ms).await;
    }

    /// The first of `k0`, `k1`, ... that a shard holds.
    pub fn key_of(&self, shard: u16) -> String {
        let mut keys = (0..).map(|number| format!("k{number}"));
        keys.find(|key| self.cluster.config().shard_of(key).0 == shard).expect("some key of each shard")
    }

    /// A session writes.
    pub async fn put(&mut self, session: &'static str, node: u32, key: &str, value: u32) {
        let asked = format!("PUT {key} = {value}");
        self.ask(session, node, "PUT", (&asked, key), json!({ "value": value }), &[]).await;
    }

    /// A session writes, with a header.
    pub async fn put_with(&mut self, session: &'static str, node: u32, (key, value): (&str, u32), header: (&'static str, &str)) {
        let asked = format!("PUT {key} = {value} ({}: {})", header.0, header.1);
        self.ask(session, node, "PUT", (&asked, key), json!({ "value": value }), &[header]).await;
    }

    /// A session reads.
    pub async fn get(&mut self, session: &'static str, node: u32, key: &str) {
        self.ask(session, node, "GET", (&format!("GET {key}"), key), json!({}), &[]).await;
    }

    /// A session deletes.
    pub async fn delete(&mut self, session: &'static str, node: u32, key: &str) {
        self.ask(session, node, "DELETE", (&format!("DELETE {key}"), key), json!({}), &[]).await;
    }

    /// A session goes back to what another has seen.
    pub fn remembers_as(&mut self, session: &'static str, other: &'static str) {
        let token = self.sessions.get(session).cloned().unwrap_or_default();
        self.sessions.insert(other, token);
        self.line(&format!("{other} has seen what {session} has seen"));
    }

    /// Cuts a node off from all others, both ways. Clients still reach it.
    pub fn cut_off(&mut self, node: u32) {
        self.line(&format!("n{node} is cut off from all peers"));
        self.flow(NodeId(node), Flow::Cut);
    }

    /// Joins a node to all others again.
    pub fn heal(&mut self, node: u32) {
        self.line(&format!("n{node} is joined again"));
        self.flow(NodeId(node), Flow::Open);
    }

    /// Ends a node's process.
    pub fn end(&mut self, node: u32, death: Death) {
        self.line(&format!("n{node} {death}"));
        self.cluster.end(NodeId(node), death);
    }

    /// Ends a node's process and empties its disk.
    pub fn lose_disk(&mut self, node: u32) {
        self.line(&format!("n{node} is killed and loses its disk"));
        self.cluster.wipe(NodeId(node));
    }

    /// Starts a node's process.
    pub fn start(&mut self, node: u32) {
        self.line(&format!("n{node} starts"));
        self.cluster.start(NodeId(node));
    }

    /// Stops a node's process for a while, as a stop signal does.
    pub async fn pause(&mut self, node: u32, ms: u64) {
        self.line(&format!("n{node} is paused for {ms} ms"));
        self.cluster.world().pause(NodeId(node));
        self.sleep_ms(ms).await;
        self.cluster.world().resume(NodeId(node));
    }

    /// Whom a node believes up.
    pub async fn view_of(&mut self, node: u32) {
        let status = self.cluster.status(NodeId(node)).await;
        let up = status.iter().flat_map(|status| &status.peers).filter(|peer| peer.up);
        let names: Vec<String> = up.map(|peer| peer.node.to_string()).collect();
        self.line(&format!("n{node} sees {}", names.join(" ")));
    }

    /// What a node keeps beside its keys and values, and why it takes no writes, if so.
    pub async fn state_of(&mut self, node: u32) {
        let Some(status) = self.cluster.status(NodeId(node)).await else { return self.line(&format!("n{node} is not there")) };
        let writes = status.no_writes.map_or("takes writes".to_owned(), |why| format!("takes no writes: {why}"));
        let (keys, tombstones, unstable) = (status.keys, status.tombstones, status.unstable_versions);
        self.line(&format!("n{node} {writes}; {keys} keys, {tombstones} tombstones, {unstable} versions not stable"));
    }

    async fn ask(
        &mut self,
        session: &'static str,
        node: u32,
        method: &str,
        (asked, key): (&str, &str),
        mut body: Value,
        headers: &[(&'static str, &str)],
    ) {
        body["causal-metadata"] = self.sessions.get(session).cloned().unwrap_or_default();
        let mut request = Request::builder().method(method).uri(format!("/kvs/{key}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::from(body.to_string())).expect("a request");
        let answer = match self.cluster.request(0, NodeId(node), request).await {
            Ok(response) => {
                let body: Value = serde_json::from_slice(response.body()).expect("JSON");
                if let Some(token) = body.get("causal-metadata") {
                    self.sessions.insert(session, token.clone());
                }
                let what = ["error", "value", "result"].into_iter().find_map(|member| body.get(member));
                format!("{} {}", response.status().as_u16(), what.unwrap_or(&Value::Null))
            }
            Err(why) => why.to_string(),
        };
        self.line(&format!("{session:6} {asked} at n{node}: {answer}"));
    }

    fn flow(&self, node: NodeId, flow: Flow) {
        self.cluster.world().change_links(|from, to, link| {
            if from == node || to == node {
                link.flow = flow;
            }
        });
    }

    fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "{line}");
    }

    async fn sleep_ms(&self, ms: u64) {
        self.cluster.world().sleep_us(ms * 1_000).await;
    }
}
