//! Records that only a node which was cut off had: their form on disk.
//!
//! ```text
//! set-aside-7 = magic | payload length | payload CRC | payload
//! ```
//!
//! One file an actor, of the node's own former ones. It is written whole to another name, synced, and renamed into place.

use std::sync::Arc;

use bytes::Buf;
use serde::{Deserialize, Serialize};

use super::Write;
use crate::{clock::Hlc, id::ActorId};

const MAGIC: [u8; 4] = *b"cwA1";
const HEAD_BYTES: usize = 12;
const NAME_PREFIX: &str = "set-aside-";

/// The name of a file that is being written.
pub const SET_ASIDE_TEMPORARY_NAME: &str = "set-aside.tmp";

/// What is kept aside of one actor of this node's that was cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// Whose records.
    pub actor: ActorId,
    /// Up to where the others count them; what is here lies above. Unknown while that is being settled: then some may count.
    pub cut: Option<Hlc>,
    /// In order.
    pub writes: Vec<Arc<Write>>,
    /// How many more there were, older ones, that found no room.
    pub left_out: u64,
}

impl SetAside {
    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.left_out == 0
    }

    /// The bytes of its file.
    pub fn encode(&self) -> Vec<u8> {
        let payload = postcard::to_allocvec(self).unwrap_or_default();
        let mut bytes = Vec::with_capacity(HEAD_BYTES + payload.len());
        bytes.extend(MAGIC);
        bytes.extend((payload.len() as u32).to_le_bytes());
        bytes.extend(crc32c::crc32c(&payload).to_le_bytes());
        bytes.extend(payload);
        bytes
    }

    /// What a file holds, if it is whole. Never panics, whatever the bytes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (head, payload) = bytes.split_at_checked(HEAD_BYTES)?;
        let mut fields = head.strip_prefix(&MAGIC)?;
        let (length, checksum) = (fields.get_u32_le() as usize, fields.get_u32_le());
        let is_whole = payload.len() == length && crc32c::crc32c(payload) == checksum;
        is_whole.then(|| postcard::from_bytes(payload).ok()).flatten()
    }
}

/// The name of an actor's file.
pub fn set_aside_name(actor: ActorId) -> String {
    format!("{NAME_PREFIX}{}", actor.0)
}

/// Whose file has this name, if it is one.
pub fn set_aside_actor(name: &str) -> Option<ActorId> {
    let actor = ActorId(name.strip_prefix(NAME_PREFIX)?.parse().ok()?);
    (set_aside_name(actor) == name).then_some(actor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_back_and_a_damaged_one_is_none() {
        let set = SetAside { actor: ActorId(7), cut: Some(Hlc(3)), writes: Vec::new(), left_out: 2 };
        let bytes = set.encode();
        assert_eq!(SetAside::decode(&bytes), Some(set));
        for i in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[i] ^= 1;
            assert_eq!(SetAside::decode(&damaged), None, "byte {i}");
            assert_eq!(SetAside::decode(&bytes[..i]), None, "cut at {i}");
        }
        assert_eq!(set_aside_actor(&set_aside_name(ActorId(7))), Some(ActorId(7)));
        assert_eq!(set_aside_actor("set-aside-07"), None);
    }
}
