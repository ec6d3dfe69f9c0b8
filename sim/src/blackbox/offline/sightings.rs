//! Who saw which write of unknown outcome. Such a write is in no session's order, so no clock counts it: it is in the past of
//! whoever has one of the transactions in its past that read it.

use std::collections::BTreeMap;

use super::Finding;

/// A write of unknown outcome that a session has seen.
#[derive(Debug, Clone, Copy)]
pub struct Sighting {
    /// Which.
    pub writer: u32,
    /// At which place of the session.
    pub place: u32,
    /// Whether all writes of the key that the session had seen before are before this one: it read the key itself.
    pub rules_out_older: bool,
    /// Whether what it writes to the key is a tombstone.
    pub is_tombstone: bool,
}

/// Who looks: a transaction at a place of a session, with its past.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// Its clock.
    pub past: &'a [u32],
    /// Its session.
    pub session: usize,
    /// Its place there. What it reads itself rules nothing out: that is what is being judged.
    pub place: u32,
}

/// By key and session, in the session's order.
#[derive(Debug, Default)]
pub struct Sightings {
    seen: BTreeMap<(u32, u32), Vec<Sighting>>,
}

impl Sightings {
    /// A session sees a write of this key.
    pub fn note(&mut self, key: u32, session: u32, sighting: Sighting) {
        let list = self.seen.entry((key, session)).or_default();
        let again = |last: &Sighting| last.writer == sighting.writer && last.rules_out_older >= sighting.rules_out_older;
        if !list.last().is_some_and(again) {
            list.push(sighting);
        }
    }

    /// The writes of a key that a reader has in its past and that nothing it saw before rules out, unless `known` has them in its
    /// own past.
    pub fn visible(&self, key: u32, reader: Reader<'_>, known: &[u32], mut call: impl FnMut(Sighting)) {
        for ((_, session), list) in self.seen.range((key, 0)..=(key, u32::MAX)) {
            let session = *session as usize;
            let known = known.get(session).copied().unwrap_or_default();
            let below = list.partition_point(|sighting| sighting.place < reader.past[session]);
            let mut floor = known;
            for sighting in list[..below].iter().rev() {
                if sighting.place < floor {
                    break;
                }
                call(*sighting);
                let is_own = session == reader.session && sighting.place == reader.place;
                if sighting.rules_out_older && !is_own {
                    floor = sighting.place;
                }
            }
        }
    }

    /// Whether a clock has a write of this key in its past.
    pub fn contains(&self, key: u32, writer: u32, clock: &[u32]) -> bool {
        let by_session = self.seen.range((key, 0)..=(key, u32::MAX));
        by_session.into_iter().any(|((_, session), list)| {
            let first = list.iter().find(|sighting| sighting.writer == writer);
            first.is_some_and(|sighting| clock.get(*session as usize).is_some_and(|limit| sighting.place < *limit))
        })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Fails if a write of this key is in the past: a read found the initial state.
    pub fn check_initial(&self, key: u32, reader: Reader<'_>, read: usize) -> Result<(), Finding> {
        let mut newer = None;
        self.visible(key, reader, &[], |sighting| newer = Some(sighting.writer));
        newer.map_or(Ok(()), |newer| Err(Finding::Initial { read, newer }))
    }
}
