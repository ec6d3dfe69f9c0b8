//! All histories of a small scope, each once up to renaming its sessions and keys (some twice: sessions that do the same are told
//! apart by what they read), and random ones beyond it.

use super::{ABSENT, Action, Op, Outcome, Random};

/// What the operations of a scope may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// Puts and reads.
    PutsAndReads,
    /// Also deletes, and puts and deletes of unknown outcome.
    All,
}

/// How large. Every session does that many operations, each in a transaction of its own, on two keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// How many sessions.
    pub sessions: usize,
    /// How many operations each does.
    pub operations: usize,
    /// Of which kinds.
    pub alphabet: Alphabet,
}

const KEYS: usize = 2;
const KINDS: [(Action, Outcome); 5] = [
    (Action::Read, Outcome::Done),
    (Action::Put, Outcome::Done),
    (Action::Delete, Outcome::Done),
    (Action::Put, Outcome::Unknown),
    (Action::Delete, Outcome::Unknown),
];

impl Scope {
    fn kinds(self) -> usize {
        match self.alphabet {
            Alphabet::PutsAndReads => 2,
            Alphabet::All => KINDS.len(),
        }
    }

    /// Calls with each history.
    pub fn each(self, mut call: impl FnMut(&[Op])) {
        let letters = self.kinds() * KEYS;
        let sequences = letters.pow(self.operations as u32);
        let mut sessions = vec![0; self.sessions];
        loop {
            if self.is_canonical(&sessions) {
                self.each_reading(&sessions, &mut call);
            }
            let Some(next) = (0..sessions.len()).rev().find(|at| sessions[*at] + 1 < sequences) else { return };
            let sequence = sessions[next] + 1;
            sessions[next..].fill(sequence);
        }
    }

    /// Whether no renaming of the keys comes before it.
    fn is_canonical(self, sessions: &[usize]) -> bool {
        let mut renamed: Vec<usize> = sessions.iter().map(|sequence| self.with_keys_swapped(*sequence)).collect();
        renamed.sort_unstable();
        sessions <= renamed.as_slice()
    }

    fn with_keys_swapped(self, sequence: usize) -> usize {
        let letters = self.kinds() * KEYS;
        let (mut rest, mut factor, mut swapped) = (sequence, 1, 0);
        for _ in 0..self.operations {
            swapped += ((rest % letters) ^ 1) * factor;
            factor *= letters;
            rest /= letters;
        }
        swapped
    }

    /// Every way in which the reads can return something.
    fn each_reading(self, sessions: &[usize], call: &mut impl FnMut(&[Op])) {
        let mut ops = self.ops(sessions);
        let reads: Vec<usize> = (0..ops.len()).filter(|at| ops[*at].action == Action::Read).collect();
        let values_of = |key: u64| ops.iter().filter(move |op| op.key == key && op.action == Action::Put).map(|op| op.value);
        let options: Vec<Vec<u64>> =
            reads.iter().map(|at| [ABSENT].into_iter().chain(values_of(ops[*at].key)).collect()).collect();
        let mut chosen = vec![0; reads.len()];
        loop {
            for ((read, options), chosen) in reads.iter().zip(&options).zip(&chosen) {
                ops[*read].value = options[*chosen];
            }
            call(&ops);
            let Some(next) = (0..chosen.len()).find(|at| chosen[*at] + 1 < options[*at].len()) else { return };
            chosen[..next].fill(0);
            chosen[next] += 1;
        }
    }

    fn ops(self, sessions: &[usize]) -> Vec<Op> {
        let letters = self.kinds() * KEYS;
        let mut ops = Vec::new();
        for (session, sequence) in sessions.iter().enumerate() {
            let mut rest = *sequence;
            for _ in 0..self.operations {
                let (action, outcome) = KINDS[rest % letters / KEYS];
                let number = ops.len() as u64 + 1;
                let key = (rest % KEYS) as u64;
                ops.push(Op { session: session as u64, transaction: number as i64, key, value: number, action, outcome });
                rest /= letters;
            }
        }
        ops
    }
}

/// A random history of up to that many operations, with whatever the model has. Most are violations, of all kinds.
pub fn sample(random: &mut Random, most: u64) -> Vec<Op> {
    let sessions = 2 + random.below(3);
    let keys = 1 + random.below(3);
    let count = 4 + random.below(most - 3);
    let (reads, deletes, unknown, joined) = (30 + random.below(40), random.below(30), random.below(30), random.below(40));
    let mut ops: Vec<Op> = Vec::new();
    for number in 1..=count {
        let session = random.below(sessions);
        let action = match random.below(100) {
            percent if percent < reads => Action::Read,
            _ if random.below(100) < deletes => Action::Delete,
            _ => Action::Put,
        };
        let last = ops.iter().rev().find(|op| op.session == session && op.outcome != Outcome::Failed);
        let joins = last.filter(|last| last.outcome == Outcome::Done && random.below(100) < joined).map(|last| last.transaction);
        let outcome = match random.below(100) {
            _ if joins.is_some() || action == Action::Read => Outcome::Done,
            percent if percent < unknown => Outcome::Unknown,
            percent if percent < unknown + 3 => Outcome::Failed,
            _ => Outcome::Done,
        };
        let transaction = joins.unwrap_or(number as i64);
        ops.push(Op { session, transaction, key: random.below(keys), value: number, action, outcome });
    }
    for at in 0..ops.len() {
        if ops[at].action == Action::Read {
            ops[at].value = seen(random, &ops, at);
        }
    }
    ops
}

/// A value of the key, mostly one from before; now and then nothing, or what nobody wrote.
fn seen(random: &mut Random, ops: &[Op], read: usize) -> u64 {
    const NOBODYS: u64 = 1 << 20;
    let end = if random.below(10) == 0 { ops.len() } else { read };
    let puts: Vec<u64> =
        ops[..end].iter().filter(|op| op.action == Action::Put && op.key == ops[read].key).map(|op| op.value).collect();
    match random.below(100) {
        0 => NOBODYS,
        1..15 => ABSENT,
        _ if puts.is_empty() => ABSENT,
        _ => puts[puts.len() - 1 - random.below(puts.len() as u64).min(random.below(puts.len() as u64)) as usize],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_enumerated_up_to_its_symmetries() {
        let mut count = 0;
        Scope { sessions: 2, operations: 1, alphabet: Alphabet::PutsAndReads }.each(|_| count += 1);
        // put x | put x, put x | put y, put x | read x (two answers), put x | read y, read x | read x, read x | read y
        assert_eq!(count, 1 + 1 + 2 + 1 + 1 + 1);
    }
}
