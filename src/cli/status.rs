//! `causeway status`: every node of a cluster, every shard and the reshard under way, by asking each node.
//!
//! One node names all the others; one that does not answer is shown with what that node believes of it.

use std::time::Duration;

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;

use super::{
    CliError,
    client::NodeArgs,
    reshard::{look, show_lines},
    say,
};
use crate::http::{Access, Client, ClientError, NodeReport, PeerReport, ReshardReport, ShardReport};

/// `causeway status`.
#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// All that is shown.
#[derive(Debug, Serialize)]
struct ClusterStatus {
    nodes: Vec<NodeStatus>,
    shards: Vec<ShardReport>,
    reshard: ReshardReport,
}

/// One node. What only it can say is missing where it does not answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
struct NodeStatus {
    address: String,
    /// `up`, `suspected` or `down`: what the node that was asked first believes, and whether this one answers.
    state: &'static str,
    shard: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<NodeReport>,
}

impl StatusArgs {
    pub(super) async fn run(self) -> Result<u8, CliError> {
        let deadline = Duration::from_millis(self.node.deadline_ms);
        let (mut client, access) = (self.node.client()?, self.node.access()?);
        let first = ask(&mut client, deadline).await?;
        let reshard = look(&mut client, deadline).await?;
        // All at once: each that is dead costs the whole deadline.
        let peers = first.peers.clone().into_iter();
        let asked: Vec<_> = peers.map(|peer| tokio::spawn(peer_status(peer, access.clone(), deadline))).collect();
        let shards = first.shards.clone();
        let (address, shard) = (first.address.clone(), first.shard.clone());
        let mut nodes = vec![NodeStatus { address, state: "up", shard, said: Some(first) }];
        for status in asked {
            nodes.push(status.await.map_err(std::io::Error::from)?);
        }
        nodes.sort_by(|one, other| one.address.cmp(&other.address));
        let status = ClusterStatus { nodes, shards, reshard };
        if self.json {
            return say(&format!("{}\n", serde_json::to_string_pretty(&status).map_err(std::io::Error::from)?)).map(|()| 0);
        }
        let reshard: String = show_lines(&status.reshard).iter().map(|line| format!("{line}\n")).collect();
        say(&format!("{}\n{}\n{reshard}", node_table(&status.nodes), shard_table(&status.shards))).map(|()| 0)
    }
}

async fn ask(client: &mut Client, deadline: Duration) -> Result<NodeReport, ClientError> {
    client.look("/admin/status", deadline).await
}

async fn peer_status(peer: PeerReport, access: Access, deadline: Duration) -> NodeStatus {
    let said = ask(&mut Client::entering(peer.address.as_str(), access), deadline).await.ok();
    let state = match (&said, peer.suspected) {
        (None, _) => "down",
        (Some(_), true) => "suspected",
        (Some(_), false) => "up",
    };
    let shard = said.as_ref().map_or(peer.shard, |said| said.shard.clone());
    NodeStatus { address: peer.address, state, shard, said }
}

fn node_table(nodes: &[NodeStatus]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header([
        "node",
        "state",
        "shard",
        "actor",
        "epoch",
        "ready",
        "writes",
        "keys",
        "lag ms",
        "stable lag ms",
        "transfer",
    ]);
    for NodeStatus { address, state, shard, said } in nodes {
        let of = |text: &dyn Fn(&NodeReport) -> Option<String>| said.as_ref().and_then(text).unwrap_or_else(|| "-".to_owned());
        table.add_row([
            address.clone(),
            (*state).to_owned(),
            shard.clone().unwrap_or_else(|| "-".to_owned()),
            of(&|said| said.actor.clone()),
            of(&|said| Some(said.epoch.clone())),
            of(&|said| Some(if said.ready { "yes" } else { "no" }.to_owned())),
            of(&|said| Some(said.no_writes.clone().unwrap_or_else(|| "yes".to_owned()))),
            of(&|said| Some(said.keys.to_string())),
            of(&|said| said.lag_ms.map(|ms| ms.to_string())),
            of(&|said| Some(said.stable_lag_ms.to_string())),
            of(&|said| said.transfer.as_ref().map(transfer)),
        ]);
    }
    table
}

/// By slots: how many bytes there are in all the taker does not know.
fn transfer(transfer: &crate::http::TransferReport) -> String {
    let percent = (u64::from(transfer.taken_slots) * 100).checked_div(transfer.slots.into()).unwrap_or(100);
    let what = transfer.import.as_ref().map_or_else(|| "catch up".to_owned(), |shard| format!("slots of {shard}"));
    format!("{percent}% {what} from {}", transfer.from)
}

fn shard_table(shards: &[ShardReport]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["shard", "slots", "replicas", "leaving or cut off"]);
    for ShardReport { shard, slots, replicas, former } in shards {
        table.add_row([shard.clone(), slots.to_string(), replicas.join(" "), former.join(" ")]);
    }
    table
}
