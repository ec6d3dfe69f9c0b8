//! One random stream for each purpose, all derived from the seed of the run.
//!
//! A draw more or less in one stream does not shift any other: a new fault does not change what the workload does. Streams are
//! ChaCha with the seed as key and the purpose as stream number, so they are the same on every machine and in every version.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What a stream is for. The numbers are part of what a seed means: new purposes go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// madsim's own choices: which ready task runs next.
    Schedule = 0,
    /// Latency, loss, duplication and order of frames.
    Network = 1,
    /// Latency of a node's disk, and what survives a crash on it.
    Disk = 2,
    /// How a node's clocks are off.
    Clock = 3,
    /// What [`Env::random`](causeway::runtime::Env::random) gives to a node.
    Node = 4,
    /// Which faults happen when.
    Faults = 5,
    /// What clients do, a stream for each session.
    Workload = 6,
    /// The sizes of the run: nodes, shards, settings.
    Shape = 7,
    /// Latency and loss between clients and nodes.
    Clients = 8,
    /// What a plan leaves open of an operation, a stream for each.
    Operation = 9,
}

/// The streams of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// All streams of a seed.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The stream for a purpose.
    pub fn stream(self, purpose: Purpose) -> ChaCha8Rng {
        self.numbered(purpose, 0)
    }

    /// The stream for a purpose that each node, client or session has one of.
    pub fn numbered(self, purpose: Purpose, number: u32) -> ChaCha8Rng {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        let mut stream = ChaCha8Rng::from_seed(key);
        stream.set_stream((purpose as u64) << 32 | u64::from(number));
        stream
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
    fn a_seed_means_the_same_for_ever() {
        assert_eq!(Streams::new(7).stream(Purpose::Faults).random::<u64>(), 11_843_225_902_292_227_102);
    }
}
