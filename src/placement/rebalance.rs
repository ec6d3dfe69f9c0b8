//! Who should hold what: equal shares, reached with the fewest moves. Deterministic, so that any node computes the same.
//!
//! Slots: each shard's share is the number of slots over the number of shards, rounded up for the fullest shards (the lower id
//! where two are equally full) and down for the others. Only what is above its share moves, so no other table with equal shares is
//! reached with fewer moves. Shards that are to vanish give away all.
//!
//! Nodes: the same with nodes for slots.

use std::collections::{BTreeMap, BTreeSet};

use super::{Owners, SlotSet};
use crate::{
    id::{NodeId, ShardId},
    mutant::{Mutant, planted},
};

/// The share of each of the first `shards` of what all hold together; the others' is 0.
pub fn shares(sizes: &[usize], shards: usize) -> Vec<usize> {
    let total: usize = sizes.iter().sum();
    let (share, longer) = (total / shards, total % shards);
    let mut fullest: Vec<usize> = (0..shards).collect();
    if planted(Mutant::MoveNotMinimal) {
        fullest.reverse();
    } else {
        fullest.sort_by_key(|shard| (std::cmp::Reverse(sizes.get(*shard).copied().unwrap_or_default()), *shard));
    }
    let mut shares = vec![0; sizes.len().max(shards)];
    for (place, shard) in fullest.into_iter().enumerate() {
        shares[shard] = share + usize::from(place < longer);
    }
    shares
}

/// What must move so that the first `shards` hold equal shares, by giver and taker.
pub fn moves(owners: &Owners, shards: u16) -> BTreeMap<(ShardId, ShardId), SlotSet> {
    let sizes = owners.sizes(shards.max(owners.highest().0 + 1));
    let shares = shares(&sizes, usize::from(shards));
    let mut lacking = (0u16..).zip(shares.iter().zip(&sizes)).filter(|(_, (share, size))| share > size);
    let mut taker = lacking.next().map(|(shard, (share, size))| (ShardId(shard), share - size));
    let mut moved: BTreeMap<(ShardId, ShardId), SlotSet> = BTreeMap::new();
    for (row, size) in sizes.iter().enumerate() {
        let giver = ShardId(row as u16);
        let mut excess = owners.slots_of(giver).last(size.saturating_sub(shares[row]));
        while let Some((shard, lacks)) = taker
            && !excess.is_empty()
        {
            let slots = excess.take_first(lacks);
            taker = match lacks - slots.len() {
                0 => lacking.next().map(|(shard, (share, size))| (ShardId(shard), share - size)),
                rest => Some((shard, rest)),
            };
            moved.insert((giver, shard), slots);
        }
    }
    moved
}

/// The shard that each node should be in, given where those with a seat are now. Nodes stay where they can; of a shard with too many
/// the highest ids go. One that is down keeps its place, or has none.
pub fn seats(now: &BTreeMap<NodeId, Option<ShardId>>, live: &BTreeSet<NodeId>, shards: u16) -> BTreeMap<NodeId, ShardId> {
    let mut by_shard: Vec<Vec<NodeId>> = vec![Vec::new(); usize::from(shards)];
    let mut free: Vec<NodeId> = Vec::new();
    let (up, down): (Vec<NodeId>, Vec<NodeId>) = now.keys().partition(|node| live.contains(node));
    for node in down.into_iter().chain(up) {
        match now[&node].and_then(|shard| by_shard.get_mut(usize::from(shard.0))) {
            Some(nodes) => nodes.push(node),
            None => free.push(node),
        }
    }
    free.retain(|node| live.contains(node));
    let mut sizes: Vec<usize> = by_shard.iter().map(Vec::len).collect();
    // The free ones count in the total, and make no shard the fullest.
    sizes.push(free.len());
    let shares = shares(&sizes, usize::from(shards));
    for (row, nodes) in by_shard.iter_mut().enumerate() {
        free.extend(nodes.split_off(nodes.len().min(shares[row])));
    }
    free.retain(|node| live.contains(node));
    free.sort_unstable();
    free.reverse();
    for (row, nodes) in by_shard.iter_mut().enumerate() {
        while nodes.len() < shares[row]
            && let Some(node) = free.pop()
        {
            nodes.push(node);
        }
    }
    let seats = (0u16..).zip(by_shard).flat_map(|(shard, nodes)| nodes.into_iter().map(move |node| (node, ShardId(shard))));
    seats.collect()
}
