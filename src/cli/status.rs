//! `causeway status`: every node of a cluster in a table, by asking each of them.
//!
//! One node's metrics name all the others; a node that does not answer is shown as down.

use std::{collections::BTreeMap, time::Duration};

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use hyper::Method;
use serde::Serialize;

use super::{CliError, client::NodeArgs, say};
use crate::http::{Client, ClientError, Outgoing};

/// `causeway status`.
#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// What one node says of itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct NodeStatus {
    address: String,
    up: bool,
    ready: bool,
    shard: Option<String>,
    keys: Option<u64>,
    /// How far it is behind the shard peer that it is furthest behind.
    lag_ms: Option<u64>,
    stable_lag_ms: Option<u64>,
    takes_writes: Option<bool>,
    /// Records that only it had when its actor was cut off, kept on its disk.
    set_aside: Option<u64>,
}

impl StatusArgs {
    pub(super) async fn run(self) -> Result<u8, CliError> {
        let deadline = Duration::from_millis(self.node.deadline_ms);
        let samples = scrape(&mut Client::new(self.node.node.as_str()), deadline).await?;
        let mut addresses: Vec<String> = samples.labelled("causeway_peer_up").map(|(address, _)| address.to_owned()).collect();
        addresses.push(self.node.node.clone());
        addresses.sort();
        addresses.dedup();
        // All at once: each that is dead costs the whole deadline.
        let asked: Vec<_> = addresses.into_iter().map(|address| tokio::spawn(ask(address, deadline))).collect();
        let mut statuses = Vec::new();
        for status in asked {
            statuses.push(status.await.map_err(std::io::Error::from)?);
        }
        if self.json {
            say(&format!("{}\n", serde_json::to_string_pretty(&statuses).map_err(std::io::Error::from)?))?;
        } else {
            say(&format!("{}\n", table(&statuses)))?;
        }
        Ok(0)
    }
}

/// A node that does not answer one of the questions is down.
async fn ask(address: String, deadline: Duration) -> NodeStatus {
    let down = NodeStatus {
        address,
        up: false,
        ready: false,
        shard: None,
        keys: None,
        lag_ms: None,
        stable_lag_ms: None,
        takes_writes: None,
        set_aside: None,
    };
    ask_all(&down, deadline).await.unwrap_or(down)
}

async fn ask_all(down: &NodeStatus, deadline: Duration) -> Result<NodeStatus, ClientError> {
    let mut client = Client::new(down.address.as_str());
    let (_, shard) = client.send(Outgoing::new(Method::GET, "/shard/node-shard-id"), deadline).await?;
    let (ready, _) = client.send(Outgoing::new(Method::GET, "/readyz"), deadline).await?;
    let samples = scrape(&mut client, deadline).await?;
    let lags = samples.labelled("causeway_peer_lag_seconds").map(|(_, seconds)| seconds);
    Ok(NodeStatus {
        up: true,
        ready: ready == 200,
        shard: shard["node-shard-id"].as_str().map(str::to_owned),
        keys: samples.single("causeway_keys").map(|keys| keys as u64),
        lag_ms: lags.reduce(f64::max).map(ms),
        stable_lag_ms: samples.single("causeway_stable_time_lag_seconds").map(ms),
        takes_writes: samples.single("causeway_takes_writes").map(|takes| takes != 0.0),
        set_aside: samples.single("causeway_set_aside_records").map(|records| records as u64),
        ..down.clone()
    })
}

fn ms(seconds: f64) -> u64 {
    (seconds * 1e3).round() as u64
}

fn table(statuses: &[NodeStatus]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["node", "up", "shard", "ready", "takes writes", "keys", "lag ms", "stable lag ms"]);
    for status in statuses {
        let number = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        let truth = |value: bool| if value { "yes" } else { "no" }.to_owned();
        table.add_row([
            status.address.clone(),
            truth(status.up),
            status.shard.clone().unwrap_or_else(|| "-".to_owned()),
            truth(status.ready),
            status.takes_writes.map_or_else(|| "-".to_owned(), truth),
            number(status.keys),
            number(status.lag_ms),
            number(status.stable_lag_ms),
        ]);
    }
    table
}

/// The numbers of one scrape, by name and by the node that they are about, if any.
struct Samples(BTreeMap<String, BTreeMap<String, f64>>);

async fn scrape(client: &mut Client, deadline: Duration) -> Result<Samples, ClientError> {
    let (_, page) = client.send_raw(Outgoing::new(Method::GET, "/metrics"), deadline).await?;
    Ok(Samples::parse(&String::from_utf8_lossy(&page)))
}

impl Samples {
    /// `name value` and `name{address="..."} value`; anything else is skipped.
    fn parse(page: &str) -> Self {
        let mut samples = BTreeMap::<String, BTreeMap<String, f64>>::new();
        for (series, value) in page.lines().filter_map(|line| line.rsplit_once(' ')) {
            let Ok(value) = value.parse() else { continue };
            let (name, address) = match series.split_once('{') {
                None => (series, Some("")),
                Some((name, labels)) => (name, labels.strip_prefix("address=\"").and_then(|rest| rest.strip_suffix("\"}"))),
            };
            if let Some(address) = address {
                samples.entry(name.to_owned()).or_default().insert(address.to_owned(), value);
            }
        }
        Self(samples)
    }

    fn single(&self, name: &str) -> Option<f64> {
        self.0.get(name)?.get("").copied()
    }

    fn labelled(&self, name: &str) -> impl Iterator<Item = (&str, f64)> {
        self.0.get(name).into_iter().flatten().map(|(address, value)| (address.as_str(), *value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_is_read_by_name_and_node() {
        let page = "# HELP causeway_keys Live keys\n# TYPE causeway_keys gauge\ncauseway_keys 12.0\n\
                    causeway_peer_lag_seconds{address=\"a:1\"} 0.25\ncauseway_peer_lag_seconds{address=\"b:1\"} 0.5\n\
                    causeway_requests_total{route=\"/kvs\",method=\"GET\",status=\"200\"} 3\n# EOF\n";
        let samples = Samples::parse(page);
        assert_eq!(samples.single("causeway_keys"), Some(12.0));
        assert_eq!(samples.labelled("causeway_peer_lag_seconds").collect::<Vec<_>>(), [("a:1", 0.25), ("b:1", 0.5)]);
        assert_eq!(samples.single("causeway_requests_total"), None);
    }
}
