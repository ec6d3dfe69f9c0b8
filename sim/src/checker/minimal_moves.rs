//! I22. A reshard hands over the least number of slots that makes all shares equal, and leaves no two shards that differ by more than one
//! slot, or, once it is reached, by more than one node.
//!
//! Source: invariant I22; contract, 'moves the least number of slots, exactly'.
//!
//! Why no stronger: nodes that are down when a reshard ends keep their places, so where some are, only slots are judged.

use causeway::id::{ShardId, Slot};
use causeway::placement::{Config, SLOTS, Standing};

use super::{Property, Violation};

/// Judges a config against the one that it was made from.
pub fn check(before: &Config, after: &Config) -> Result<(), Violation> {
    let violated = |evidence: String| Err(Property::MovesAreMinimal.violated(evidence));
    let moved = (0..SLOTS).map(Slot).filter(|slot| before.owner(*slot) != after.owner(*slot)).count();
    let Some(shards) = before.goal() else {
        return if moved == 0 { Ok(()) } else { violated(format!("{moved} slots move without a reshard")) };
    };
    if moved > 0 {
        let least = least_moves(before, shards);
        if moved != least {
            return violated(format!("{moved} slots move to {shards} shards, and {least} are enough"));
        }
        let sizes = sizes_of_slots(after, shards);
        if spread(&sizes) > 1 || sizes.iter().sum::<usize>() != usize::from(SLOTS) {
            return violated(format!("the shards have {sizes:?} slots"));
        }
    }
    let sizes: Vec<usize> = (0..shards).map(|shard| after.replicas(ShardId(shard)).count()).collect();
    let is_whole = after.actors().all(|actor| actor.standing == Standing::Serving);
    if after.goal().is_none()
        && is_whole
        && after.members().iter().all(|member| member.removed || member.actor.is_some())
        && spread(&sizes) > 1
    {
        return violated(format!("the shards have {sizes:?} nodes"));
    }
    Ok(())
}

fn sizes_of_slots(config: &Config, shards: u16) -> Vec<usize> {
    let mut sizes = vec![0; usize::from(shards)];
    for slot in (0..SLOTS).map(Slot) {
        if let Some(size) = sizes.get_mut(usize::from(config.owner(slot).0)) {
            *size += 1;
        }
    }
    sizes
}

/// The fullest shards keep the larger shares; whatever is above a share must go.
fn least_moves(before: &Config, shards: u16) -> usize {
    let mut sizes = sizes_of_slots(before, shards);
    let (share, longer) = (usize::from(SLOTS / shards), usize::from(SLOTS % shards));
    sizes.sort_unstable_by(|one, other| other.cmp(one));
    let kept = sizes.iter().enumerate().map(|(place, size)| (*size).min(share + usize::from(place < longer)));
    usize::from(SLOTS) - kept.sum::<usize>()
}

fn spread(sizes: &[usize]) -> usize {
    sizes.iter().max().unwrap_or(&0) - sizes.iter().min().unwrap_or(&0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::litmus::{Moving, blame};

    #[test]
    fn slots_that_move_without_a_reshard() {
        let run = Moving::switched();
        let (begun, switched) = (run.begun(), run.config());
        assert_eq!(blame(check(&begun, &switched)), None);
        assert_eq!(blame(check(&run.first(), &switched)), Some(Property::MovesAreMinimal));
    }
}
