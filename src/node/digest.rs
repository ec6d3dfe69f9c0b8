//! Hashes of slot ranges, compared between replicas that have applied the same records. A difference then is corruption: the range
//! is not served until it is repaired.
//!
//! With two replicas nobody can say which one is wrong, so a difference is only counted. With more, the one that two others
//! contradict takes the range over from one of them.

use std::{collections::BTreeMap, ops::Range};

use rand_chacha::rand_core::Rng;

use super::{Node, transfer::Purpose};
use crate::{
    clock::{Dot, Hlc, VersionVector},
    id::{ActorId, NodeId, Slot},
    mark::{Mark, reached},
    message::Message,
    placement::SLOTS,
};

/// Into how many ranges the slots are divided.
const RANGES: u16 = 64;

/// The slots of a range.
pub(super) fn slots_of(range: u16) -> Range<u16> {
    let width = SLOTS / RANGES;
    range * width..(range + 1) * width
}

fn range_of(slot: Slot) -> u16 {
    slot.0 / (SLOTS / RANGES)
}

/// What is known of the own contents and of peers that disagree.
#[derive(Debug, Default)]
pub(super) struct Digests {
    /// The last record applied of each actor.
    vector: VersionVector,
    next_range: u16,
    compare_us: u64,
    /// Per range, the first peer that contradicted and its hash.
    contradicted: BTreeMap<u16, (NodeId, u64)>,
    /// Ranges that two peers contradict: not served.
    corrupt: BTreeMap<u16, NodeId>,
}

impl Digests {
    pub fn applied(&mut self, dot: Dot) {
        self.vector.raise(dot.actor, dot.hlc);
    }

    pub fn raise(&mut self, actor: ActorId, hlc: Hlc) {
        self.vector.raise(actor, hlc);
    }

    /// Drops what is known of the other actors.
    pub fn keep(&mut self, kept: impl Fn(ActorId) -> bool) {
        self.vector = self.vector.iter().filter(|(actor, _)| kept(*actor)).collect();
        self.contradicted.clear();
    }

    pub fn repaired(&mut self, range: u16) {
        self.corrupt.remove(&range);
        self.contradicted.remove(&range);
    }

    /// Whether the slot's contents are known to be wrong.
    pub fn is_corrupt(&self, slot: Slot) -> bool {
        !self.corrupt.is_empty() && self.corrupt.contains_key(&range_of(slot))
    }
}

impl Node {
    /// Whether the table holds what the vector says, and nothing else.
    fn is_comparable(&self) -> bool {
        !self.is_moving() && !self.is_ahead_of_its_vector()
    }

    /// Asks a peer for the hash of the next range, and repairs what is known to be wrong.
    pub(super) fn keep_comparing(&mut self) {
        if let Some((range, peer)) = self.digest.corrupt.first_key_value() {
            let (range, peer) = (*range, *peer);
            self.begin_transfer(peer, Purpose::Repair(range));
        }
        if self.now.monotonic_us < self.digest.compare_us || !self.standing.serves() || !self.is_comparable() {
            return;
        }
        self.digest.compare_us = self.now.monotonic_us + 1_000 * self.plan.settings.digest_interval_ms;
        let peers = self.repairable_peers();
        let lot = self.random.next_u32() as usize;
        let Some(peer) = lot.checked_rem(peers.len()).map(|lot| peers[lot]) else { return };
        let range = self.digest.next_range;
        self.digest.next_range = (range + 1) % RANGES;
        self.send(peer, Message::DigestRequest { range });
    }

    pub(super) fn answer_digest_request(&mut self, from: NodeId, range: u16) {
        if range >= RANGES || !self.links.contains_key(&from) || !self.standing.serves() || !self.is_comparable() {
            return;
        }
        let hash = self.table.digest(slots_of(range));
        self.send(from, Message::Digest { range, vector: self.digest.vector.clone(), hash });
    }

    pub(super) fn receive_digest(&mut self, from: NodeId, range: u16, vector: &VersionVector, hash: u64) {
        if range >= RANGES || !self.links.contains_key(&from) || *vector != self.digest.vector || !self.is_comparable() {
            return;
        }
        if self.table.digest(slots_of(range)) == hash {
            self.digest.contradicted.remove(&range);
            return;
        }
        reached(Mark::DigestDiffers);
        match self.digest.contradicted.get(&range) {
            Some((other, theirs)) if *other != from && *theirs == hash => {
                reached(Mark::RangeCorrupt);
                self.digest.corrupt.insert(range, from);
            }
            known => {
                self.counters.corrupt_ranges += u64::from(known.is_none());
                self.digest.contradicted.insert(range, (from, hash));
                let third = self.repairable_peers().into_iter().find(|node| *node != from);
                if let Some(third) = third {
                    self.send(third, Message::DigestRequest { range });
                }
            }
        }
    }
}
