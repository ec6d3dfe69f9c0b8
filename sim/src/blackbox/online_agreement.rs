//! The online checker against the oracle: a history is causally convergent if and only if it passes online with some stamps.

use std::collections::BTreeMap;

use super::{
    ABSENT, Action, Alphabet, Op, Outcome, Scope,
    online::{Online, Seen, Stamp, Violation, Written},
    oracle,
};

/// Whether some order of the writes as stamps lets it pass. Nothing if a transaction writes more than one key, or one writes and
/// reads: stamps are for stores without such.
pub fn passes_by_some_order(ops: &[Op]) -> Option<bool> {
    let writes: Vec<&Op> = ops.iter().filter(|op| op.is_write()).collect();
    if writes.iter().any(|write| ops.iter().filter(|op| op.transaction == write.transaction).count() > 1) {
        return None;
    }
    let Some(fed) = causes_first(ops) else { return Some(false) };
    let mut times: Vec<u64> = (1..=writes.len() as u64).collect();
    loop {
        let stamps = writes.iter().zip(&times).map(|(op, time)| (op.transaction, Stamp { time: *time, origin: 0 })).collect();
        if run(&fed, &stamps).is_ok() {
            return Some(true);
        }
        if !oracle::next_permutation(&mut times) {
            return Some(false);
        }
    }
}

/// The transactions in an order in which writes come before those who saw them; nothing if there is none.
fn causes_first(ops: &[Op]) -> Option<Vec<Vec<Op>>> {
    let mut left: Vec<Vec<Op>> = Vec::new();
    for op in ops {
        match left.iter_mut().find(|transaction| transaction[0].transaction == op.transaction) {
            Some(transaction) => transaction.push(*op),
            None => left.push(vec![*op]),
        }
    }
    let mut fed: Vec<Vec<Op>> = Vec::new();
    while !left.is_empty() {
        let is_written = |read: &Op| {
            let wrote = |op: &Op| op.action == Action::Put && (op.key, op.value) == (read.key, read.value);
            read.action != Action::Read || read.value == ABSENT || fed.iter().flatten().any(wrote)
        };
        let is_next = |at: usize| left[..at].iter().all(|before| before[0].session != left[at][0].session);
        let next = (0..left.len()).find(|at| is_next(*at) && left[*at].iter().all(is_written))?;
        fed.push(left.remove(next));
    }
    Some(fed)
}

fn run(transactions: &[Vec<Op>], stamps: &BTreeMap<i64, Stamp>) -> Result<(), Violation> {
    let sessions = transactions.iter().map(|transaction| transaction[0].session).max().unwrap_or_default();
    let mut online = Online::new(sessions as usize + 1);
    for transaction in transactions {
        let op = &transaction[0];
        let (session, key) = (op.session as u32, op.key as u32);
        if op.action == Action::Read {
            let seen = |read: &Op| {
                let writer = transactions
                    .iter()
                    .flatten()
                    .find(|op| op.action == Action::Put && (op.key, op.value) == (read.key, read.value));
                (read.key as u32, writer.map_or(Seen::Absent, |writer| Seen::Version(stamps[&writer.transaction])))
            };
            let reads: Vec<(u32, Seen)> = transaction.iter().map(seen).collect();
            match reads.as_slice() {
                [(key, seen)] => online.read(session, *key, *seen)?,
                several => online.read_all(session, several)?,
            }
            continue;
        }
        let written = if op.action == Action::Put { Written::Value } else { Written::Tombstone };
        let stamp = stamps[&op.transaction];
        if op.outcome == Outcome::Unknown {
            online.begin(session, key, stamp, written)?;
        } else {
            online.write(session, key, stamp, written)?;
        }
    }
    Ok(())
}

#[test]
fn a_history_is_convergent_if_and_only_if_some_stamps_pass() {
    let mut counts = [0, 0];
    Scope { sessions: 3, operations: 2, alphabet: Alphabet::PutsAndReads }.each(|ops| {
        let fits = oracle::is_consistent(ops);
        assert_eq!(passes_by_some_order(ops), Some(fits), "{ops:#?}");
        counts[usize::from(fits)] += 1;
    });
    assert!(counts[0] > 100 && counts[1] > 100, "{counts:?}");
}
