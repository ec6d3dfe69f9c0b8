//! Where all chance of a run comes from: the seed, a purpose, and the event that is decided.
//!
//! What is decided while the run goes on is *keyed*: [`Streams::keyed`] hashes seed, purpose and all that tells the event apart from
//! others (who, when, the how many-th of that microsecond). So the fate of a frame does not depend on how many frames were
//! sent before it, anywhere. A plan with one operation taken out meets the same world everywhere else, and so does the same plan
//! after a change of the code that sends one message more. That is what lets a plan be shrunk event by event, and replayed on
//! another commit. In a running stream each draw more or less would give every later event another fate.
//!
//! What is drawn before the run, or by one session for itself, comes from a running stream ([`Streams::stream`]), one for each purpose
//! and number: ChaCha with the seed as key and the purpose as stream number.
//!
//! One running stream is left that all share: [`Purpose::Schedule`], madsim's choice among tasks that are ready together. madsim
//! draws from it at every poll and takes no other choice. The world makes it matter little: it lets one thing happen at a time,
//! and the tasks that this wakes come to rest before the next; time stands still meanwhile, and keys name who acts, not in which
//! order.
//!
//! All of it is the same on every machine and in every version: no generator or distribution here may change with a dependency.

use std::ops::RangeInclusive;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use xxhash_rust::xxh3::xxh3_64;

/// What chance is for. The numbers are part of what a seed means: new purposes go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// madsim's own choices: which ready task runs next.
    Schedule = 0,
    /// Latency, loss, damage and duplication of frames. Key: sender, receiver, when it is sent, the how many-th on that link then.
    Network = 1,
    /// What a node's disk does. Key: node, kind of act, file, when, the how many-th of that kind on that file then; for what a loss of
    /// power takes, the sector in place of the last.
    Disk = 2,
    /// How a node's clocks are off.
    Clock = 3,
    /// What [`Env::random`](causeway::runtime::Env::random) gives to a node. Key: node, when its process started, the how many-th
    /// process of that moment, the how many-th number.
    Node = 4,
    /// Which faults happen when.
    Faults = 5,
    /// What clients do, a stream for each session.
    Workload = 6,
    /// The sizes of the run: nodes, shards, settings.
    Shape = 7,
    /// Latency and loss between clients and nodes. Key: client, node, when, direction, the how many-th of these.
    Clients = 8,
    /// What a plan leaves open of an operation, a stream for each.
    Operation = 9,
    /// How long a node's way to the config log is, and whether an answer is lost on it. Key: node, when, the how many-th then.
    ConfigLog = 10,
    /// What operators ask for.
    Operators = 11,
}

/// All chance of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
    fork: Option<Fork>,
}

/// Another chance from a time on: until then a run is what it is, and from then on one of many that it could have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fork {
    /// When, in simulated microseconds.
    pub at_us: u64,
    /// Which of the many.
    pub salt: u64,
}

/// The most parts that the key of an event has.
const KEY_PARTS: usize = 6;

impl Streams {
    /// All chance of a seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, fork: None }
    }

    /// The same until a time, and another chance from then on.
    pub fn forked(self, fork: Option<Fork>) -> Self {
        Self { fork, ..self }
    }

    /// Where another chance begins.
    pub fn fork(self) -> Option<Fork> {
        self.fork
    }

    /// The chance of what happens at a simulated time. Whatever is drawn while the run goes on is asked of it.
    pub fn at(self, now_us: u64) -> Self {
        match self.fork {
            Some(fork) if now_us >= fork.at_us => {
                Self::new(xxh3_64([self.seed.to_le_bytes(), fork.salt.to_le_bytes()].as_flattened()))
            }
            _ => self,
        }
    }

    /// The running stream for a purpose.
    pub fn stream(self, purpose: Purpose) -> ChaCha8Rng {
        self.numbered(purpose, 0)
    }

    /// The running stream for a purpose that each node, client or session has one of.
    pub fn numbered(self, purpose: Purpose, number: u32) -> ChaCha8Rng {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        let mut stream = ChaCha8Rng::from_seed(key);
        stream.set_stream((purpose as u64) << 32 | u64::from(number));
        stream
    }

    /// The chance of one event: the same whenever it is asked for, whatever else was drawn. The parts must tell the event
    /// apart from all others of its purpose, and must not count anything that unrelated events add to.
    pub fn keyed<const PARTS: usize>(self, purpose: Purpose, parts: [u64; PARTS]) -> Chance {
        const { assert!(PARTS <= KEY_PARTS) };
        let mut words = [[0; 8]; KEY_PARTS + 2];
        let head = [self.seed, purpose as u64];
        for (word, part) in words.iter_mut().zip(head.into_iter().chain(parts)) {
            *word = part.to_le_bytes();
        }
        Chance(xxh3_64(words[..PARTS + 2].as_flattened()))
    }
}

/// The chance of one event. A decision that takes several draws makes all of them, always in the same order, whether the settings
/// of the moment need them or not: so that a setting changed for one thing does not change another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chance(u64);

impl Chance {
    /// Any number: splitmix64 (Steele, Lea, Flood, OOPSLA 2014).
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Whether something happens that has this probability: never at 0, always at 1.
    pub fn happens(&mut self, probability: f64) -> bool {
        const BITS: u32 = 53;
        ((self.number() >> (u64::BITS - BITS)) as f64) < probability * (1_u64 << BITS) as f64
    }

    /// A number below a bound, all alike; 0 when there is none. A bound that changes a little changes the number a little.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.number()) * u128::from(bound)) >> 64) as u64
    }

    /// A number of a range, all alike.
    pub fn between(&mut self, range: &RangeInclusive<u64>) -> u64 {
        let span = range.end().saturating_sub(*range.start());
        range.start() + self.below(span.saturating_add(1))
    }

    /// One of these; `None` when there are none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len() as u64) as usize)
    }
}

/// Counts what happens within one microsecond: the last part of most keys. Begins anew when time has moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    at_us: u64,
    count: u64,
}

impl Moment {
    /// The number of what happens now, from 0.
    pub fn next(&mut self, now_us: u64) -> u64 {
        if self.at_us != now_us {
            *self = Self { at_us: now_us, count: 0 };
        }
        self.count += 1;
        self.count - 1
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    #[test]
    fn purposes_numbers_and_seeds_give_different_streams_and_the_same_ones_again() {
        let first = |seed, purpose, number| Streams::new(seed).numbered(purpose, number).random::<u64>();
        let all = [
            first(1, Purpose::Network, 0),
            first(2, Purpose::Network, 0),
            first(1, Purpose::Disk, 0),
            first(1, Purpose::Disk, 1),
        ];
        for (place, one) in all.iter().enumerate() {
            assert!(!all[..place].contains(one), "stream {place} repeats another");
        }
        assert_eq!(first(1, Purpose::Disk, 1), all[3]);
    }

    #[test]
    fn seeds_purposes_and_every_part_of_a_key_give_different_chances_and_the_same_ones_again() {
        let first = |seed, purpose, parts: [u64; 3]| Streams::new(seed).keyed(purpose, parts).number();
        let all = [
            first(1, Purpose::Network, [1, 2, 3]),
            first(2, Purpose::Network, [1, 2, 3]),
            first(1, Purpose::Disk, [1, 2, 3]),
            first(1, Purpose::Network, [2, 1, 3]),
            first(1, Purpose::Network, [1, 2, 4]),
            Streams::new(1).keyed(Purpose::Network, [1, 2, 3, 0]).number(),
        ];
        for (place, one) in all.iter().enumerate() {
            assert!(!all[..place].contains(one), "chance {place} repeats another");
        }
        assert_eq!(first(1, Purpose::Network, [1, 2, 4]), all[4]);
    }

    #[test]
    fn a_fork_changes_what_is_drawn_from_its_time_on() {
        let at = |salt, now_us| {
            let streams = Streams::new(1).forked(Some(Fork { at_us: 500, salt })).at(now_us);
            (streams.keyed(Purpose::Network, [7]).number(), streams.numbered(Purpose::Operation, 7).random::<u64>())
        };
        let plain = Streams::new(1).at(500);
        let plain = (plain.keyed(Purpose::Network, [7]).number(), plain.numbered(Purpose::Operation, 7).random::<u64>());
        assert_eq!(at(1, 499), plain);
        for (one, other) in [(at(1, 500), plain), (at(1, 500), at(2, 500))] {
            assert!(one.0 != other.0 && one.1 != other.1, "{one:?} {other:?}");
        }
        assert_eq!(at(1, 500), at(1, 9_000));
    }

    #[test]
    fn a_seed_means_the_same_for_ever() {
        assert_eq!(Streams::new(7).stream(Purpose::Faults).random::<u64>(), 11_843_225_902_292_227_102);
        let mut chance = Streams::new(7).keyed(Purpose::Network, [0, 1, 1_000, 0]);
        let drawn = (chance.number(), chance.between(&(200..=1_000)), chance.happens(0.5));
        assert_eq!(drawn, (9_214_208_196_288_011_908, 872, false));
    }

    #[test]
    fn draws_are_spread_evenly_within_their_bounds() {
        let chances = (0..10_000).map(|number| Streams::new(3).keyed(Purpose::Clients, [number]));
        let (mut happened, mut counts) = (0, [0; 8]);
        for mut chance in chances {
            happened += u32::from(chance.happens(0.1));
            counts[chance.between(&(10..=17)) as usize - 10] += 1;
            assert!(!chance.happens(0.0) && chance.happens(1.0));
            assert_eq!((chance.between(&(5..=5)), chance.below(0), chance.pick::<u8>(&[])), (5, 0, None));
        }
        assert!((900..1_100).contains(&happened), "{happened}");
        assert!(counts.iter().all(|count| (1_100..1_400).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_moment_counts_from_0_whenever_time_has_moved() {
        let mut moment = Moment::default();
        let counts = [0, 0, 0, 7, 7, 9].map(|at_us| moment.next(at_us));
        assert_eq!(counts, [0, 1, 2, 0, 1, 0]);
    }
}
