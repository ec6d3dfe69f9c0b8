//! The records kept in memory for peers that are behind, by actor. One that is further behind than the tail gets a snapshot.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use crate::{clock::Hlc, id::ActorId, store::Write};

/// Estimated bytes of a record beside its key and value.
const RECORD_BYTES: u64 = 144;

#[derive(Debug, Default)]
struct ActorTail {
    /// Records up to here may be missing.
    cut: Hlc,
    writes: BTreeMap<Hlc, Arc<Write>>,
}

/// Recent records of every actor of the shard.
#[derive(Debug, Default)]
pub(super) struct Tail {
    actors: BTreeMap<ActorId, ActorTail>,
    bytes: u64,
}

impl Tail {
    /// Keeps a record. Says whether it was new.
    pub fn insert(&mut self, write: Arc<Write>) -> bool {
        let bytes = record_bytes(&write);
        let actor = self.actors.entry(write.dot.actor).or_default();
        let new = actor.writes.insert(write.dot.hlc, write).is_none();
        self.bytes += if new { bytes } else { 0 };
        new
    }

    /// Whether every record of the actor above `from` that this replica has applied is here.
    pub fn reaches(&self, actor: ActorId, from: Hlc) -> bool {
        self.actors.get(&actor).is_none_or(|tail| tail.cut <= from)
    }

    /// The records of an actor above `from`, up to and with `upto`, in order.
    pub fn range(&self, actor: ActorId, from: Hlc, upto: Hlc) -> impl Iterator<Item = &Arc<Write>> + '_ {
        let bounds = (from < upto).then_some((Bound::Excluded(from), Bound::Included(upto)));
        let tail = self.actors.get(&actor).zip(bounds);
        tail.into_iter().flat_map(|(tail, bounds)| tail.writes.range(bounds)).map(|(_, write)| write)
    }

    /// The last record of an actor.
    pub fn last(&self, actor: ActorId) -> Hlc {
        let last = self.actors.get(&actor).and_then(|tail| tail.writes.last_key_value());
        last.map(|(hlc, _)| *hlc).unwrap_or_default()
    }

    /// The last record of an actor that is here, or may be missing: its records are known to reach so far.
    pub fn end(&self, actor: ActorId) -> Hlc {
        self.actors.get(&actor).map_or(Hlc::ZERO, |tail| tail.cut).max(self.last(actor))
    }

    /// From now on records of the actor up to here may be missing.
    pub fn cut(&mut self, actor: ActorId, upto: Hlc) {
        let tail = self.actors.entry(actor).or_default();
        // Records below an earlier cut may have come since.
        tail.cut = tail.cut.max(upto);
        let kept = tail.writes.split_off(&upto.next());
        self.bytes -= tail.writes.values().map(|write| record_bytes(write)).sum::<u64>();
        tail.writes = kept;
    }

    /// Drops the oldest records until at most `bound` bytes are left.
    pub fn shrink_to(&mut self, bound: u64) {
        while self.bytes > bound {
            let oldest = self.actors.iter().filter_map(|(actor, tail)| Some((tail.writes.first_key_value()?.0, *actor))).min();
            let Some((hlc, actor)) = oldest else { return };
            self.cut(actor, *hlc);
        }
    }

    /// Drops the records of the other actors.
    pub fn keep(&mut self, kept: impl Fn(ActorId) -> bool) {
        self.actors.retain(|actor, _| kept(*actor));
        self.bytes = self.actors.values().flat_map(|tail| tail.writes.values()).map(|write| record_bytes(write)).sum();
    }

    /// Estimated bytes of all records.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Estimated bytes of a record in the tail.
pub(super) fn record_bytes(write: &Write) -> u64 {
    let value = write.value.as_ref().map_or(0, |value| value.bytes.len());
    (write.key.len() + value + 16 * write.past.entries().len()) as u64 + RECORD_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::{Dot, Token},
        id::Epoch,
    };

    const ACTOR: ActorId = ActorId(1);

    fn write(hlc: u64) -> Arc<Write> {
        let dot = Dot { actor: ACTOR, hlc: Hlc(hlc) };
        let past = Token::at_floor(Epoch::default(), Hlc::ZERO);
        Arc::new(Write { dot, epoch: Epoch::default(), key: "k".into(), value: None, past, operation: None })
    }

    #[test]
    fn what_came_after_a_cut_and_lies_below_it_is_dropped_too() {
        let mut tail = Tail::default();
        tail.cut(ACTOR, Hlc(10));
        tail.insert(write(5));
        tail.insert(write(20));
        tail.shrink_to(0);
        assert_eq!((tail.bytes(), tail.last(ACTOR)), (0, Hlc::ZERO));
        assert!(!tail.reaches(ACTOR, Hlc(19)) && tail.reaches(ACTOR, Hlc(20)));
    }
}
