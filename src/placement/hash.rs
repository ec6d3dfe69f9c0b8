//! From key to slot.

use xxhash_rust::xxh3::xxh3_64;

use crate::id::Slot;

/// The number of slots: fixed, so that a reshard moves slots and never hashes a key anew.
pub const SLOTS: u16 = 1 << 14;

/// The slot of a key: the top 14 bits of its 64-bit xxh3.
pub fn slot_of(key: &str) -> Slot {
    Slot((xxh3_64(key.as_bytes()) >> (u64::BITS - SLOTS.ilog2())) as u16)
}
