//! What is said once a cluster is up: who is where, and three requests to paste.

use std::collections::BTreeMap;

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};

use super::child::NodeSpec;
use crate::id::NodeId;

/// The whole text.
pub(super) fn text(specs: &[NodeSpec], pids: &BTreeMap<NodeId, u32>, shards: &BTreeMap<NodeId, String>) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["node", "shard", "pid", "data"]);
    for spec in specs {
        let shard = shards.get(&spec.node).cloned().unwrap_or_default();
        let pid = pids.get(&spec.node).map(u32::to_string).unwrap_or_default();
        table.add_row([spec.address.clone(), shard, pid, spec.data.display().to_string()]);
    }
    let addresses: Vec<&str> = specs.iter().map(|spec| spec.address.as_str()).collect();
    format!("{table}\n\n{}\nCtrl-C stops the cluster; its data stays.\n", requests(&addresses))
}

/// A write, a read of it at another node that carries what the write's answer said, and the view.
fn requests(addresses: &[&str]) -> String {
    let first = addresses.first().copied().unwrap_or_default();
    let last = addresses.last().copied().unwrap_or(first);
    format!(
        "Write a key, read it at another node with what the answer said, see who is up:\n\n  \
         SEEN=$(curl -s -X PUT http://{first}/kvs/greeting -d '{{\"value\":\"hello\"}}' | tee /dev/stderr | grep -o '\"causal-metadata\":\"[^\"]*\"')\n  \
         curl -s -X GET http://{last}/kvs/greeting -d \"{{$SEEN}}\"\n  \
         curl -s http://{first}/view\n"
    )
}
