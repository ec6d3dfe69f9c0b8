//! Takes a backup of a cluster as `causeway backup` does: the same requests to the same nodes, over the same API. One attempt only,
//! and no patience with nodes that are paused or gone.

use std::collections::BTreeMap;

use axum::http::{Method, Request};
use bytes::Bytes;
use causeway::{
    clock::Hlc,
    http::{BackupPage, NodeReport, backup_givers, backup_path},
    id::NodeId,
    store::Key,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{cluster::Cluster, history::OpId};

/// How far ahead of all clocks its time lies.
const MARGIN_MS: u64 = 300;
/// A node that does not answer within this is given up.
const PATIENCE_US: u64 = 1_000_000;
/// Between two questions for what may still come.
const AGAIN_US: u64 = 50_000;
/// How often that is asked.
const TRIES: u32 = 200;

/// All that a cluster held at one time.
#[derive(Debug)]
pub struct Backup {
    /// The time.
    pub at: Hlc,
    /// Each key that held a value, with the operation that wrote it; none where the value names none.
    pub entries: BTreeMap<Key, Option<OpId>>,
}

/// A backup that begins with a question to this node; none where faults or a change of the config ended it.
pub async fn take(cluster: &Cluster, first: NodeId) -> Option<Backup> {
    let mut reports: Vec<NodeReport> = Vec::new();
    for node in [first].into_iter().chain(cluster.nodes().filter(|node| *node != first)) {
        match ask(cluster, node, Method::GET, "/admin/status").await {
            Some((_, report)) => reports.push(report),
            None if node == first => return None,
            None => {}
        }
    }
    let at_ms = reports.iter().map(|report| report.clock_ms).max()? + MARGIN_MS;
    let config = cluster.config();
    let named = |report: &NodeReport| Some((config.by_address(&report.address)?.node, report.shard.clone()?));
    let givers: Vec<_> = backup_givers(&reports).ok()?.into_iter().filter_map(named).collect();
    let backup = match begin(cluster, &givers, at_ms).await {
        Some(()) => give(cluster, &givers, at_ms).await,
        None => None,
    };
    for (node, _) in &givers {
        ask::<Value>(cluster, *node, Method::DELETE, &backup_path(at_ms, None)).await;
    }
    backup
}

/// All work by one config.
async fn begin(cluster: &Cluster, givers: &[(NodeId, String)], at_ms: u64) -> Option<()> {
    let mut epochs = Vec::new();
    for (node, shard) in givers {
        let (status, begun) = ask::<Value>(cluster, *node, Method::PUT, &backup_path(at_ms, None)).await?;
        if status != 200 || begun["shard"].as_str() != Some(shard.as_str()) {
            return None;
        }
        epochs.push(begun["epoch"].clone());
    }
    epochs.dedup();
    (epochs.len() == 1).then_some(())
}

async fn give(cluster: &Cluster, givers: &[(NodeId, String)], at_ms: u64) -> Option<Backup> {
    let mut entries = BTreeMap::new();
    for (node, _) in givers {
        let (mut next, mut tries) = (Some(0), 0);
        while let Some(slot) = next {
            let (status, answer) = ask_raw(cluster, *node, Method::GET, &backup_path(at_ms, Some(slot))).await?;
            if status == 503 && tries < TRIES {
                tries += 1;
                cluster.world().sleep_us(AGAIN_US).await;
                continue;
            }
            let page: BackupPage = serde_json::from_slice(&answer).ok().filter(|_| status == 200)?;
            let named =
                page.entries.iter().map(|entry| (Key::from(entry.key.as_str()), OpId::of_value(entry.value.get().as_bytes())));
            entries.extend(named);
            next = page.next;
        }
    }
    Some(Backup { at: Hlc::from_millis(at_ms), entries })
}

async fn ask<T: DeserializeOwned>(cluster: &Cluster, node: NodeId, method: Method, path: &str) -> Option<(u16, T)> {
    let (status, answer) = ask_raw(cluster, node, method, path).await?;
    Some((status, serde_json::from_slice(&answer).ok()?))
}

async fn ask_raw(cluster: &Cluster, node: NodeId, method: Method, path: &str) -> Option<(u16, Bytes)> {
    let request = Request::builder().method(method).uri(path).body(Bytes::new()).expect("a request made of legal parts");
    tokio::select! {
        biased;
        answer = cluster.administer(node, request) => answer.ok().map(|answer| (answer.status().as_u16(), answer.into_body())),
        () = cluster.world().sleep_us(PATIENCE_US) => None,
    }
}
