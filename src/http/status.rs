//! `/admin/status`: what the node knows of itself and of the others, for operators.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};

use super::{App, error::HttpError, view::sorted_addresses};
use crate::{
    id::{ActorId, NodeId},
    node::{Status, TransferStatus},
    placement::Config,
};

/// One node, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NodeReport {
    /// Its address.
    pub address: String,
    /// The shard that it holds; none for a node that has not been given one.
    pub shard: Option<String>,
    /// Its actor in that shard.
    pub actor: Option<String>,
    /// The epoch of its config.
    pub epoch: String,
    /// Whether it has caught up and serves.
    pub ready: bool,
    /// Why it takes no writes; none when it takes them.
    pub no_writes: Option<String>,
    /// Live keys held here.
    pub keys: u64,
    /// Records that only it had when its actor was cut off, kept on its disk.
    pub set_aside: u64,
    /// Estimated bytes of keys, values, versions and retained records.
    pub memory_bytes: u64,
    /// How far it is behind the shard peer that it is furthest behind, in milliseconds.
    pub lag_ms: Option<u64>,
    /// Its hybrid logical clock, in milliseconds since the Unix epoch.
    pub clock_ms: u64,
    /// How far the stable time is behind its clock.
    pub stable_lag_ms: u64,
    /// The node whose report holds the stable time back.
    pub stable_culprit: Option<String>,
    /// What it takes over from another replica now.
    pub transfer: Option<TransferReport>,
    /// What it believes of the others that were not removed.
    pub peers: Vec<PeerReport>,
    /// All shards of its config.
    pub shards: Vec<ShardReport>,
}

/// A transfer under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TransferReport {
    /// Who gives.
    pub from: String,
    /// The shard whose slots are imported; none where the node catches up with a replica of its own shard.
    pub import: Option<String>,
    /// How many slots come in all.
    pub slots: u16,
    /// How many of them have come.
    pub taken_slots: u16,
    /// Live keys in those.
    pub taken_keys: u64,
    /// Their estimated bytes.
    pub taken_bytes: u64,
}

/// What one node believes of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PeerReport {
    /// Its address.
    pub address: String,
    /// Whether it is in the view.
    pub up: bool,
    /// Whether it is avoided because it is not heard from.
    pub suspected: bool,
    /// The shard that the config gives it.
    pub shard: Option<String>,
}

/// A shard of the config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ShardReport {
    /// Its name.
    pub shard: String,
    /// How many slots it owns.
    pub slots: u16,
    /// Addresses of those who hold it and write.
    pub replicas: Vec<String>,
    /// Addresses of those who leave it or were cut off, and are not retired yet.
    pub former: Vec<String>,
}

pub(super) async fn get(State(app): State<Arc<App>>) -> Result<Json<NodeReport>, HttpError> {
    let (status, config) = (app.status().await?, app.handle.config());
    let address = |node: NodeId| config.member(node).map(|member| member.address.clone());
    Ok(Json(NodeReport {
        address: address(status.node).unwrap_or_default(),
        shard: status.shard.map(|shard| shard.to_string()),
        actor: Some(status.actor).filter(|actor| *actor != ActorId::NONE).map(|actor| actor.to_string()),
        epoch: status.epoch.to_string(),
        ready: status.serves,
        no_writes: status.no_writes.map(|why| why.to_string()),
        keys: status.keys,
        set_aside: status.set_aside,
        memory_bytes: status.memory_bytes,
        lag_ms: status.peers.iter().filter_map(|peer| peer.lag_ms).max(),
        clock_ms: status.clock_ms,
        stable_lag_ms: status.stable_lag_ms,
        stable_culprit: status.stable_culprit.and_then(address),
        transfer: status.transfer.map(|transfer| transfer_report(&transfer, address(transfer.peer))),
        peers: peers(&config, &status),
        shards: shards(&config),
    }))
}

fn transfer_report(transfer: &TransferStatus, from: Option<String>) -> TransferReport {
    TransferReport {
        from: from.unwrap_or_default(),
        import: transfer.import.map(|shard| shard.to_string()),
        slots: transfer.slots,
        taken_slots: transfer.taken.slots,
        taken_keys: transfer.taken.keys,
        taken_bytes: transfer.taken.bytes,
    }
}

fn peers(config: &Config, status: &Status) -> Vec<PeerReport> {
    let others = status.peers.iter().filter(|peer| peer.node != status.node);
    let members = others.filter_map(|peer| Some((peer, config.member(peer.node).filter(|member| !member.removed)?)));
    members
        .map(|(peer, member)| PeerReport {
            address: member.address.clone(),
            up: peer.up,
            suspected: peer.suspected,
            shard: config.shard_of_node(peer.node).map(|shard| shard.to_string()),
        })
        .collect()
}

fn shards(config: &Config) -> Vec<ShardReport> {
    let named = |nodes: &mut dyn Iterator<Item = NodeId>| {
        let members: Vec<_> = nodes.filter_map(|node| config.member(node)).collect();
        sorted_addresses(members).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let report = |shard| ShardReport {
        shard: format!("{shard}"),
        slots: config.owners().slots_of(shard).len() as u16,
        replicas: named(&mut config.replicas(shard).map(|actor| actor.node)),
        former: named(&mut config.writers_of(shard).filter(|actor| !actor.standing.writes()).map(|actor| actor.node)),
    };
    config.shards().map(report).collect()
}
