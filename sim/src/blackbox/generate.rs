//! Histories of any size: a small store that is simulated on the spot.
//!
//! Replicas apply their clients' writes at once and hear of others' in the order in which those were made, each only after what it
//! depends on, and keep the newest by a hybrid logical clock; every other replica's is ahead. Sessions mostly stay at one replica and move only where nothing that they
//! have seen is lacking. So what comes out is causally convergent, unless a bug is asked for.

use std::collections::VecDeque;

use super::{ABSENT, Op, Outcome, Random, online::Stamp};

/// The most replicas that there can be.
pub const MOST_REPLICAS: usize = 8;

/// By how many operations the clocks of some replicas are ahead.
const AHEAD: u64 = 20;

/// What the store does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Writes are applied without what they depend on.
    NoDependencies,
    /// The write that arrives last wins, whatever its clock.
    LastArrivalWins,
    /// A read finds nothing where there is something.
    Forgets,
    /// A read returns the version before.
    ReturnsTheOlder,
    /// The second half of a transaction's reads is of another replica.
    TwoSnapshots,
}

/// What to generate.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Operations, at least.
    pub operations: u64,
    /// Sessions.
    pub sessions: u64,
    /// Replicas, up to [`MOST_REPLICAS`].
    pub replicas: usize,
    /// Keys.
    pub keys: u64,
    /// How many of a hundred operations read.
    pub read_percent: u64,
    /// How many of a hundred writes are deletes.
    pub delete_percent: u64,
    /// How many of a hundred writes get no answer; half of them are done all the same.
    pub unknown_percent: u64,
    /// How many of a hundred reads ask for what the version that was read last depends on, if it does.
    pub probe_percent: u64,
    /// Reads in a transaction that reads. Writes stand alone.
    pub reads_at_once: u64,
    /// What is wrong, and that it shows once in so many chances.
    pub bug: Option<(Bug, u64)>,
    /// Where the choices come from.
    pub seed: u64,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            operations: 1_000_000,
            sessions: 20,
            replicas: 5,
            keys: 1000,
            read_percent: 50,
            delete_percent: 0,
            unknown_percent: 0,
            probe_percent: 0,
            reads_at_once: 1,
            bug: None,
            seed: 1,
        }
    }
}

/// An operation, and the stamp of what it wrote or saw: the default stamp for the initial state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generated {
    /// The operation.
    pub op: Op,
    /// The stamp. A write that was never done has one that no version has.
    pub stamp: Stamp,
    /// Whether a write was done, whatever its session knows.
    pub is_done: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Version {
    stamp: Stamp,
    value: u64,
    /// The key that its writer used last before it, plus one.
    cause: u64,
}

#[derive(Debug, Clone, Copy)]
struct Logged {
    key: u64,
    version: Version,
    depends_on: [u64; MOST_REPLICAS],
}

#[derive(Debug)]
struct Replica {
    versions: Vec<Version>,
    older: Vec<Version>,
    applied: [u64; MOST_REPLICAS],
    clock: u64,
    is_ahead: bool,
    /// What it wrote itself and some replica still lacks, from the first of that number on.
    log: VecDeque<Logged>,
    log_from: u64,
}

#[derive(Debug, Clone, Copy)]
struct Client {
    replica: usize,
    /// The key that it used last and the one that it should look at next, plus one.
    used: u64,
    next: u64,
    seen: [u64; MOST_REPLICAS],
}

/// Makes one operation after another.
#[derive(Debug)]
pub struct Generator {
    shape: Shape,
    random: Random,
    replicas: Vec<Replica>,
    clients: Vec<Client>,
    made: u64,
    transactions: i64,
    writes: u64,
    ready: VecDeque<Generated>,
}

impl Generator {
    /// A store at rest.
    pub fn new(shape: Shape) -> Self {
        assert!((1..=MOST_REPLICAS).contains(&shape.replicas), "there are 1 to {MOST_REPLICAS} replicas");
        let replica = |at: usize| Replica {
            versions: vec![Version::default(); shape.keys as usize],
            older: vec![Version::default(); shape.keys as usize],
            applied: [0; MOST_REPLICAS],
            clock: 0,
            is_ahead: at % 2 == 1,
            log: VecDeque::new(),
            log_from: 0,
        };
        Self {
            random: Random::new(shape.seed),
            replicas: (0..shape.replicas).map(replica).collect(),
            clients: (0..shape.sessions as usize)
                .map(|at| Client { replica: at % shape.replicas, used: 0, next: 0, seen: [0; MOST_REPLICAS] })
                .collect(),
            made: 0,
            transactions: 0,
            writes: 0,
            ready: VecDeque::new(),
            shape,
        }
    }

    fn deliver(&mut self) {
        let count = self.shape.replicas as u64;
        let (to, from) = (self.random.below(count) as usize, self.random.below(count) as usize);
        if to == from {
            return;
        }
        let sloppy = matches!(self.shape.bug, Some((Bug::NoDependencies, once_in)) if self.random.once_in(once_in));
        let last_wins = matches!(self.shape.bug, Some((Bug::LastArrivalWins, once_in)) if self.random.once_in(once_in));
        for _ in 0..=self.random.below(2 * self.shape.sessions) {
            let next = self.replicas[to].applied[from] - self.replicas[from].log_from;
            let Some(logged) = self.replicas[from].log.get(next as usize).copied() else { break };
            let replica = &mut self.replicas[to];
            let mut depends_on = logged.depends_on;
            depends_on[from] = 0;
            let is_ready = replica.applied.iter().zip(&depends_on).all(|(applied, needed)| applied >= needed);
            if !is_ready && !sloppy {
                break;
            }
            replica.clock = replica.clock.max(logged.version.stamp.time);
            let key = logged.key as usize;
            if last_wins || logged.version.stamp > replica.versions[key].stamp {
                replica.older[key] = replica.versions[key];
                replica.versions[key] = logged.version;
            }
            replica.applied[from] += 1;
        }
        let everywhere = self.replicas.iter().map(|replica| replica.applied[from]).min().unwrap_or_default();
        let source = &mut self.replicas[from];
        while source.log_from < everywhere {
            source.log.pop_front();
            source.log_from += 1;
        }
    }

    fn act(&mut self) {
        let session = self.random.below(self.shape.sessions);
        self.wander(session as usize);
        self.transactions += 1;
        if self.random.below(100) < self.shape.read_percent {
            self.read(session);
        } else {
            self.write(session);
        }
    }

    /// Now and then a session moves to a replica that lacks nothing of what it has seen.
    fn wander(&mut self, session: usize) {
        const ONCE_IN: u64 = 50;
        if self.random.once_in(ONCE_IN) {
            let other = self.random.below(self.shape.replicas as u64) as usize;
            let client = &mut self.clients[session];
            let lacks = self.replicas[other].applied.iter().zip(&client.seen).any(|(applied, seen)| applied < seen);
            if !lacks {
                client.replica = other;
            }
        }
    }

    fn read(&mut self, session: u64) {
        let mut at = self.clients[session as usize].replica;
        for number in 0..self.shape.reads_at_once {
            let key = self.key_to_read(session as usize);
            if let Some((bug, once_in)) = self.shape.bug
                && bug == Bug::TwoSnapshots
                && number * 2 == self.shape.reads_at_once
                && self.random.once_in(once_in)
            {
                at = (at + 1) % self.shape.replicas;
            }
            let version = self.version(at, key as usize);
            let op = Op::read(session, self.transactions, key, version.value);
            self.ready.push_back(Generated { op, stamp: version.stamp, is_done: true });
            let client = &mut self.clients[session as usize];
            (client.used, client.next) = (key + 1, version.cause);
        }
        self.clients[session as usize].seen = self.replicas[at].applied;
    }

    fn key_to_read(&mut self, session: usize) -> u64 {
        let next = std::mem::take(&mut self.clients[session].next);
        let probes = next > 0 && self.random.below(100) < self.shape.probe_percent;
        if probes { next - 1 } else { self.random.below(self.shape.keys) }
    }

    fn version(&mut self, replica: usize, key: usize) -> Version {
        let Some((bug, once_in)) = self.shape.bug else { return self.replicas[replica].versions[key] };
        match bug {
            Bug::Forgets if self.random.once_in(once_in) => Version::default(),
            Bug::ReturnsTheOlder if self.random.once_in(once_in) => self.replicas[replica].older[key],
            _ => self.replicas[replica].versions[key],
        }
    }

    fn write(&mut self, session: u64) {
        let client = self.clients[session as usize];
        let key = self.random.below(self.shape.keys);
        let is_delete = self.random.below(100) < self.shape.delete_percent;
        let is_unknown = self.random.below(100) < self.shape.unknown_percent;
        let is_done = !is_unknown || self.random.once_in(2);
        self.writes += 1;
        let name = self.writes;
        let op = if is_delete {
            Op::delete(session, self.transactions, key, name)
        } else {
            Op::put(session, self.transactions, key, name)
        };
        let op = if is_unknown { op.with(Outcome::Unknown) } else { op };
        let replica = &mut self.replicas[client.replica];
        let mut stamp = Stamp { time: u64::MAX, origin: u32::MAX };
        if is_done {
            let now = self.made + u64::from(replica.is_ahead) * AHEAD;
            replica.clock = now.max(replica.clock + 1);
            stamp = Stamp { time: replica.clock, origin: client.replica as u32 };
            let version = Version { stamp, value: if is_delete { ABSENT } else { name }, cause: client.used };
            replica.log.push_back(Logged { key, version, depends_on: replica.applied });
            replica.applied[client.replica] += 1;
            replica.older[key as usize] = replica.versions[key as usize];
            replica.versions[key as usize] = version;
        }
        self.clients[session as usize].used = key + 1;
        if !is_unknown {
            self.clients[session as usize].seen = replica.applied;
        }
        self.ready.push_back(Generated { op, stamp, is_done });
    }
}

impl Iterator for Generator {
    type Item = Generated;

    fn next(&mut self) -> Option<Generated> {
        const ONE_DELIVERY_IN: u64 = 3;
        while self.ready.is_empty() {
            if self.made >= self.shape.operations {
                return None;
            }
            if self.shape.replicas > 1 && self.random.once_in(ONE_DELIVERY_IN) {
                self.deliver();
            } else {
                self.act();
                self.made += self.ready.len() as u64;
            }
        }
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Builder, Conclusion, History, judge,
            online::{Online, Seen, Violation, Written},
        },
        *,
    };

    fn history(shape: Shape) -> History {
        let mut builder = Builder::default();
        Generator::new(shape).for_each(|made| builder.push(made.op).unwrap());
        builder.finish()
    }

    fn online(shape: Shape) -> Result<(), Violation> {
        let mut online = Online::new(shape.sessions as usize);
        let mut made = Generator::new(shape).peekable();
        while let Some(Generated { op, stamp, is_done }) = made.next() {
            let (session, key) = (op.session as u32, op.key as u32);
            let written = if op.action == super::super::Action::Delete { Written::Tombstone } else { Written::Value };
            let seen = |made: &Generated| {
                let seen = if made.op.value == ABSENT { Seen::Absent } else { Seen::Version(made.stamp) };
                (made.op.key as u32, seen)
            };
            match op.outcome {
                _ if !op.is_write() => {
                    let mut reads = vec![seen(&Generated { op, stamp, is_done })];
                    while let Some(next) = made.next_if(|next| next.op.transaction == op.transaction) {
                        reads.push(seen(&next));
                    }
                    online.read_all(session, &reads)?;
                }
                Outcome::Done => online.write(session, key, stamp, written)?,
                _ if is_done => online.begin(session, key, stamp, written)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn small(seed: u64) -> Shape {
        Shape { operations: 3_000, sessions: 6, keys: 8, probe_percent: 50, seed, ..Shape::default() }
    }

    #[test]
    fn what_is_generated_without_a_bug_is_consistent_offline_and_online() {
        for seed in 0..12 {
            let shape = Shape {
                delete_percent: seed % 3 * 10,
                unknown_percent: seed % 4 * 5,
                reads_at_once: 1 + seed % 3,
                ..small(seed)
            };
            let report = judge(&history(shape)).unwrap();
            assert_eq!(report.conclusion, Conclusion::Consistent, "{shape:?}\n{report}");
            assert_eq!(online(shape), Ok(()), "{shape:?}");
        }
    }

    #[test]
    fn every_bug_is_found_offline_and_online_and_made_small() {
        for (bug, once_in, reads_at_once) in [
            (Bug::NoDependencies, 1, 1),
            (Bug::LastArrivalWins, 2, 1),
            (Bug::Forgets, 20, 1),
            (Bug::ReturnsTheOlder, 20, 1),
            (Bug::TwoSnapshots, 2, 4),
        ] {
            for seed in 0..2 {
                let shape = Shape { operations: 20_000, sessions: 20, bug: Some((bug, once_in)), reads_at_once, ..small(seed) };
                let report = judge(&history(shape)).unwrap();
                let Conclusion::Violated { shrunk, .. } = &report.conclusion else { panic!("{shape:?} passes offline") };
                assert!(shrunk.ops.len() <= 10, "{report}");
                assert!(online(shape).is_err(), "{shape:?} passes online");
            }
        }
    }
}
