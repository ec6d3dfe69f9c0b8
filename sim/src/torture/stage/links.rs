//! What is wrong with links, as the rules of each node's own network: what it drops of what comes in, and how fast it sends.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    path::Path,
};

use super::command::{StageError, feed, run};

/// What is wrong at present.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// From whom to whom nothing passes.
    cuts: BTreeSet<(usize, usize)>,
    /// How many of a hundred packets a node does not get.
    lossy: BTreeMap<usize, u8>,
}

impl Links {
    /// Nothing passes on these links from now on, and on no others.
    pub(super) fn cut(&mut self, links: impl IntoIterator<Item = (usize, usize)>) {
        self.cuts = links.into_iter().collect();
    }

    /// A node gets so many of a hundred packets less from now on; with 0 it gets all.
    pub(super) fn lose(&mut self, node: usize, percent: u8) {
        self.lossy.insert(node, percent);
    }

    /// Whether anything is wrong where this node listens.
    pub(super) fn concern(&self, node: usize) -> bool {
        self.cuts.iter().any(|(_, to)| *to == node) || self.lossy.get(&node).is_some_and(|percent| *percent > 0)
    }

    /// A node's table, whole: it replaces the one that is there. `ips` says who is who.
    pub(super) fn table(&self, node: usize, ips: &[String]) -> String {
        let mut table = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n".to_owned();
        for (from, _) in self.cuts.iter().filter(|(_, to)| *to == node) {
            // A `String` takes whatever is written to it.
            let _ = writeln!(table, "-A INPUT -s {} -j DROP", ips[*from]);
        }
        if let Some(percent) = self.lossy.get(&node).filter(|percent| **percent > 0) {
            let _ = writeln!(table, "-A INPUT -m statistic --mode random --probability 0.{percent:02} -j DROP");
        }
        table.push_str("COMMIT\n");
        table
    }
}

/// Gives a network its table.
pub(super) async fn filter(network: &Path, table: &str) -> Result<(), StageError> {
    feed("nsenter", &[&entered(network), "iptables-restore"], table).await.map(drop)
}

/// Has the network send no faster than so many kilobits a second; `None` for as fast as it can.
pub(super) async fn limit(network: &Path, ip: &str, kbit_per_s: Option<u32>) -> Result<(), StageError> {
    let within = entered(network);
    let listed = run("nsenter", &[&within, "ip", "-brief", "-4", "address"]).await?;
    // A network that was cut off and came back has another name.
    let line = listed.lines().find(|line| line.split([' ', '/']).any(|word| word == ip));
    let Some(device) = line.and_then(|line| line.split([' ', '@']).next()) else { return Ok(()) };
    let rate = kbit_per_s.map(|kbit| format!("{kbit}kbit"));
    let tc = [&within, "tc", "qdisc"];
    match &rate {
        Some(rate) => {
            let limit = ["replace", "dev", device, "root", "tbf", "rate", rate, "burst", "16kb", "latency", "400ms"];
            run("nsenter", &[tc.as_slice(), &limit].concat()).await.map(drop)
        }
        None => run("nsenter", &[tc.as_slice(), &["delete", "dev", device, "root"]].concat()).await.map(drop),
    }
}

fn entered(network: &Path) -> String {
    format!("--net={}", network.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_drops_what_is_cut_and_loses_what_it_must_and_others_do_not() {
        let ips: Vec<String> = (1..=3).map(|host| format!("10.0.0.{host}")).collect();
        let mut links = Links::default();
        assert!(!links.concern(1));
        links.cut([(0, 1), (2, 1)]);
        links.lose(1, 5);
        assert!(links.concern(1) && !links.concern(0), "a cut is one-way");
        let rules: Vec<String> = links.table(1, &ips).lines().filter(|line| line.starts_with("-A")).map(str::to_owned).collect();
        let lossy = "-A INPUT -m statistic --mode random --probability 0.05 -j DROP";
        assert_eq!(rules, ["-A INPUT -s 10.0.0.1 -j DROP", "-A INPUT -s 10.0.0.3 -j DROP", lossy]);
        links.cut([]);
        links.lose(1, 0);
        assert!(!links.concern(1) && !links.table(1, &ips).contains("-A"));
    }
}
