//! The checkers of a run and the online engine of [`blackbox`](crate::blackbox) judge by the same two laws with books of their own.
//! Here both watch the same random runs: puts, puts without an answer, and reads of anything that was written.

use crate::{
    blackbox::{
        Random,
        online::{Online, Seen, Stamp, Violation, Written},
    },
    checker::{
        Property,
        litmus::{Litmus, blame},
    },
    history::{OpId, Outcome},
};

const KEYS: [&str; 2] = ["x", "y"];
const SESSIONS: u64 = 4;
const ACTORS: u64 = 3;

struct Put {
    op: OpId,
    key: u64,
    stamp: Stamp,
}

struct Both {
    run: Litmus,
    online: Online,
    puts: Vec<Put>,
    clock: u64,
}

impl Both {
    fn put(&mut self, random: &mut Random) -> (Option<Property>, Option<Violation>) {
        let (session, key, actor) = (random.below(SESSIONS), random.below(KEYS.len() as u64), random.below(ACTORS));
        // Mostly a new time, now and then one that the store should not have given. Never one twice.
        self.clock += 10;
        let behind = if random.once_in(4) { random.below(self.clock) / 10 * 10 } else { 0 };
        let stamp = Stamp { time: self.clock - behind + self.puts.len() as u64 % 10, origin: actor as u32 };
        if self.puts.iter().any(|put| put.stamp == stamp) {
            return (None, None);
        }
        let op = self.run.begin_put(session as u16, KEYS[key as usize]);
        let judged = blame(self.run.try_apply_put(op, actor as u32, stamp.time));
        let engine = self.online.begin(session as u32, key as u32, stamp, Written::Value).err();
        if random.once_in(4) {
            self.run.give_up(op);
        } else if judged.is_none() && engine.is_none() {
            self.run.answer(op, Outcome::Overwrote).unwrap();
            self.online.acknowledge(session as u32, key as u32, stamp);
        }
        self.puts.push(Put { op, key, stamp });
        (judged, engine)
    }

    fn read(&mut self, random: &mut Random) -> (Option<Property>, Option<Violation>) {
        let (session, key) = (random.below(SESSIONS), random.below(KEYS.len() as u64));
        let known: Vec<&Put> = self.puts.iter().filter(|put| put.key == key).collect();
        let seen = match random.below(known.len() as u64 + 1) {
            0 => None,
            at => Some(known[known.len() - at as usize]),
        };
        let outcome = seen.map_or(Outcome::Absent, |put| Outcome::Found(put.op));
        let version = seen.map_or(Seen::Absent, |put| Seen::Version(put.stamp));
        let judged = blame(self.run.read(session as u16, KEYS[key as usize], outcome));
        (judged, self.online.read(session as u32, key as u32, version).err())
    }
}

#[test]
fn both_find_the_same_operation_wrong() {
    let mut random = Random::new(7);
    let (mut stamps, mut reads, mut passed) = (0, 0, 0);
    for _ in 0..3_000 {
        let mut both = Both { run: Litmus::new(), online: Online::new(SESSIONS as usize), puts: Vec::new(), clock: 0 };
        let mut story = Vec::new();
        let wrong = (0..10).find_map(|_| {
            let (judged, engine) = if random.once_in(2) { both.put(&mut random) } else { both.read(&mut random) };
            story.push(format!("{judged:?} / {engine:?}"));
            assert_eq!(judged.is_some(), engine.is_some(), "{story:#?}\n{:#?}", both.run.judge.books().history());
            judged
        });
        match wrong {
            Some(Property::StampsFollowThePast(_)) => stamps += 1,
            Some(Property::ReadsFollowThePast(_)) => reads += 1,
            Some(other) => panic!("{other} is not what the engine judges"),
            None => passed += 1,
        }
    }
    assert!(stamps > 100 && reads > 100 && passed > 100, "{stamps} stamps, {reads} reads, {passed} passed");
}
