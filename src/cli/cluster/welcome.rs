//! What is said once a cluster is up: who is where, and three requests to paste.

use std::collections::BTreeMap;

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};

use super::child::NodeSpec;
use crate::{
    cli::{certs::SecureFolder, security::admin_address},
    http::Role,
    id::NodeId,
};

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
    let secure = specs.first().and_then(|spec| spec.secure.folder.as_ref());
    let requests = match secure {
        Some(folder) => secure_requests(&addresses, folder),
        None => requests("curl -s", "http", &addresses),
    };
    format!("{table}\n\n{requests}\nCtrl-C stops the cluster; its data stays.\n")
}

/// A write, a read of it at another node that carries what the write's answer said, and the view.
fn requests(curl: &str, scheme: &str, addresses: &[&str]) -> String {
    let first = addresses.first().copied().unwrap_or_default();
    let last = addresses.last().copied().unwrap_or(first);
    format!(
        "Write a key, read it at another node with what the answer said, see who is up:\n\n  \
         SEEN=$({curl} -X PUT {scheme}://{first}/kvs/greeting -d '{{\"value\":\"hello\"}}' | tee /dev/stderr | grep -o '\"causal-metadata\":\"[^\"]*\"')\n  \
         {curl} -X GET {scheme}://{last}/kvs/greeting -d \"{{$SEEN}}\"\n  \
         {curl} {scheme}://{first}/view\n"
    )
}

/// The same within TLS and with a token, and what an operator types.
fn secure_requests(addresses: &[&str], folder: &SecureFolder) -> String {
    let (authority, writer, admin) = (folder.authority(), folder.token(Role::Write), folder.token(Role::Admin));
    let (authority, writer, admin) = (authority.display(), writer.display(), admin.display());
    let first = addresses.first().copied().unwrap_or_default();
    let curl = format!("curl -s --cacert {authority} -H \"Authorization: Bearer $(cat {writer})\"");
    let status = format!("causeway status --node {first} --ca {authority} --token-file {writer}");
    let operators = admin_address(first).unwrap_or_default();
    let reshard = format!("causeway reshard --watch --node {operators} --ca {authority} --token-file {admin}");
    format!(
        "{}\nAsk as an operator; what changes the cluster is taken at a port of its own:\n\n  {status}\n  {reshard}\n",
        requests(&curl, "https", addresses)
    )
}
