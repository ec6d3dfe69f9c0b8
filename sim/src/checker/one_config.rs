//! I16. Nodes that adopt the config of an epoch adopt the same one; it names the config that it was made from, which is older; and a
//! node goes from one to a newer one only.
//!
//! Source: invariant I16; two sides of a partition that each believe in their own map, which is how slots end up with two owners.
//!
//! Why no stronger: a node may leave epochs out, and one that lost its disk begins with the first config again.

use std::sync::Arc;

use causeway::{id::NodeId, placement::Config};

use super::{Configs, Property, Replicas, Violation};

/// Judges a config when a node adopts it, before that is noted.
pub fn check(configs: &Configs, replicas: &Replicas, node: NodeId, config: &Arc<Config>) -> Result<(), Violation> {
    let violated = |evidence: String| Err(Property::OneConfigAnEpoch.violated(evidence));
    let epoch = config.epoch();
    if configs.get(epoch).is_some_and(|known| known != config) {
        return violated(format!("{node} adopts another config {epoch} than others"));
    }
    if config.parent().is_none_or(|parent| parent >= epoch) && configs.get(epoch).is_none() {
        return violated(format!("{node} adopts {epoch}, which names no older config"));
    }
    match replicas.get(node).filter(|replica| !replica.may_lose).map(|replica| replica.config.epoch()) {
        Some(before) if before > epoch => violated(format!("{node} goes back from {before} to {epoch}")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use causeway::{node::Event, placement::Change};

    use super::*;
    use crate::checker::litmus::{Litmus, blame};

    #[test]
    fn two_configs_of_one_epoch_and_a_way_back() {
        let mut run = Litmus::new();
        let first = run.config();
        let change = |node| Arc::new(first.changed(&Change::Leave { node: NodeId(node) }).expect("it fits"));
        run.happened(0, Event::Adopted(change(1))).unwrap();
        assert_eq!(blame(run.happened(1, Event::Adopted(change(2)))), Some(Property::OneConfigAnEpoch));
        assert_eq!(blame(run.happened(1, Event::Adopted(change(1)))), None);
        let first = Arc::new(first);
        assert_eq!(blame(run.happened(0, Event::Adopted(first))), Some(Property::OneConfigAnEpoch));
    }
}
