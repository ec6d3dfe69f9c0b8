//! Which links a line means: `n0 | n1 n2` both ways between groups, `n0 > n1` one way. Clients are an end like any node.

use std::collections::BTreeSet;

use causeway::id::NodeId;

use super::words::{Read, Words, node};
use crate::client::Way;

/// Directed links between nodes, and ways between clients and nodes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Links {
    /// From and to.
    pub between_nodes: BTreeSet<(NodeId, NodeId)>,
    /// Whose clients, and which way.
    pub of_clients: BTreeSet<(NodeId, Way)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Clients,
    Node(NodeId),
}

type Group = BTreeSet<End>;

impl Links {
    /// All links of a cluster of so many nodes, and all ways of its clients.
    pub fn all(nodes: u16) -> Self {
        let mut ends: Vec<Group> = (0..nodes).map(|number| Group::from([End::Node(NodeId(number.into()))])).collect();
        ends.push(Group::from([End::Clients]));
        Self::among(&ends)
    }

    /// Reads the rest of a line.
    pub(super) fn read(words: &mut Words<'_>, nodes: u16) -> Read<Self> {
        let mut groups = vec![Vec::new()];
        let mut arrows = BTreeSet::new();
        for word in words {
            match word {
                "|" | ">" => {
                    arrows.insert(word);
                    groups.push(Vec::new());
                }
                word => groups.last_mut().expect("there is a first group").push(word),
            }
        }
        let groups = resolve(&groups, nodes)?;
        match (arrows.len(), arrows.first(), groups.as_slice()) {
            (1, Some(&"|"), groups) => Ok(Self::among(groups)),
            (1, Some(&">"), [from, to]) => {
                let mut links = Self::default();
                links.add(from, to);
                Ok(links)
            }
            _ => Err("links are written `n0 | n1 n2` (both ways) or `n0 > n1` (one way)".to_owned()),
        }
    }

    fn among(groups: &[Group]) -> Self {
        let mut links = Self::default();
        for (place, one) in groups.iter().enumerate() {
            for other in groups[..place].iter().chain(&groups[place + 1..]) {
                links.add(one, other);
            }
        }
        links
    }

    fn add(&mut self, from: &Group, to: &Group) {
        for (from, to) in from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to))) {
            match (from, to) {
                (End::Node(from), End::Node(to)) => drop(self.between_nodes.insert((from, to))),
                (End::Clients, End::Node(node)) => drop(self.of_clients.insert((node, Way::There))),
                (End::Node(node), End::Clients) => drop(self.of_clients.insert((node, Way::Back))),
                (End::Clients, End::Clients) => {}
            }
        }
    }
}

/// The ends of each group; `rest` is every node that no group names.
fn resolve(groups: &[Vec<&str>], nodes: u16) -> Read<Vec<Group>> {
    let mut named = BTreeSet::new();
    for word in groups.iter().flatten().filter(|word| **word != "rest") {
        let end = match *word {
            "clients" => End::Clients,
            word => End::Node(known(word, nodes)?),
        };
        if !named.insert(end) {
            return Err(format!("`{word}` stands there twice"));
        }
    }
    let rest = (0..nodes).map(|number| End::Node(NodeId(number.into()))).filter(|end| !named.contains(end));
    let rest: Group = rest.collect();
    let ends = |words: &Vec<&str>| -> Read<Group> {
        let ends = words.iter().flat_map(|word| match *word {
            "rest" => rest.clone(),
            "clients" => Group::from([End::Clients]),
            word => node(word).map(End::Node).into_iter().collect(),
        });
        let ends: Group = ends.collect();
        if ends.is_empty() { Err("a group of links is empty".to_owned()) } else { Ok(ends) }
    };
    groups.iter().map(ends).collect()
}

/// A node of a cluster of this size.
pub(super) fn known(word: &str, nodes: u16) -> Read<NodeId> {
    let known = node(word).ok_or_else(|| format!("`{word}` is no node: nodes are n0, n1, ..."))?;
    if known.0 < u32::from(nodes) { Ok(known) } else { Err(format!("there is no {known}: the cluster has n0 to n{}", nodes - 1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Read<String> {
        let links = Links::read(&mut Words::of(text), 4)?;
        let between = links.between_nodes.iter().map(|(from, to)| format!("{from}>{to}"));
        let clients = links.of_clients.iter().map(|(node, way)| format!("{way:?} {node}"));
        Ok(between.chain(clients).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn groups_are_joined_both_ways_or_one_way() {
        assert_eq!(pairs("n0 | n1 n2").as_deref(), Ok("n0>n1 n0>n2 n1>n0 n2>n0"));
        assert_eq!(pairs("n0 n1 > n2").as_deref(), Ok("n0>n2 n1>n2"));
        assert_eq!(pairs("rest > n2").as_deref(), Ok("n0>n2 n1>n2 n3>n2"));
        assert_eq!(pairs("n0 > clients").as_deref(), Ok("Back n0"));
        assert_eq!(pairs("n0 | clients n1").as_deref(), Ok("n0>n1 n1>n0 There n0 Back n0"));
        assert_eq!(pairs("n0 | n1 | n2").map(|text| text.split(' ').count()), Ok(6));
    }

    #[test]
    fn what_means_no_links_is_refused() {
        for (text, reason) in [
            ("n0 n1", "links are written"),
            ("n0 > n1 | n2", "links are written"),
            ("n0 > n1 > n2", "links are written"),
            ("n0 |", "a group of links is empty"),
            ("n0 | n9", "there is no n9"),
            ("n0 | n0", "`n0` stands there twice"),
            ("n0 | peers", "`peers` is no node"),
        ] {
            assert!(pairs(text).is_err_and(|why| why.starts_with(reason)), "{text}");
        }
    }

    #[test]
    fn all_links_of_a_cluster() {
        let all = Links::all(3);
        assert_eq!((all.between_nodes.len(), all.of_clients.len()), (6, 6));
    }
}
