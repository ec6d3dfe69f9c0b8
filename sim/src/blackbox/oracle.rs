//! The definition, tried out: is there any order of all writes that explains every read?
//!
//! It shares nothing with the offline checker but the type of an operation, takes no short cut, and is usable for a dozen
//! operations. A read that found nothing may have seen any tombstone of its key, so all are tried; a write of unknown outcome is in
//! the past of those alone who read it.

use super::{ABSENT, Action, Op, Outcome};

/// The most transactions that it takes.
pub const MOST: usize = 24;

/// A transaction. Sets of transactions are bits.
#[derive(Debug, Clone, Default)]
struct Node {
    ops: Vec<Op>,
    session: u64,
    number: i64,
    is_unknown: bool,
    /// Those right before it.
    causes: u32,
    /// What it reads from others: which key, which value.
    reads: Vec<(u64, u64)>,
}

/// Whether a history is causally convergent.
///
/// # Panics
/// It has more than [`MOST`] transactions.
pub fn is_consistent(ops: &[Op]) -> bool {
    let mut nodes = nodes_of(ops);
    assert!(nodes.len() <= MOST, "{} transactions are too many to try all orders", nodes.len());
    for at in 0..nodes.len() {
        let Some(reads) = outside_reads(&nodes[at].ops) else { return false };
        let session = nodes[at].session;
        let so = (0..at).filter(|before| nodes[*before].session == session && !nodes[*before].is_unknown);
        nodes[at].causes = so.fold(0, |set, before| set | 1 << before);
        nodes[at].reads = reads;
    }
    for at in 0..nodes.len() {
        for (key, value) in nodes[at].reads.clone().into_iter().filter(|(_, value)| *value != ABSENT) {
            let writer = nodes
                .iter()
                .position(|node| last_write(node, key).is_some_and(|op| op.action == Action::Put && op.value == value));
            match writer {
                Some(writer) if writer != at => nodes[at].causes |= 1 << writer,
                _ => return false,
            }
        }
    }
    any_tombstones_fit(&nodes)
}

/// Tries all ways in which reads that found nothing can have seen a tombstone, or none besides those in their past.
fn any_tombstones_fit(nodes: &[Node]) -> bool {
    let absences = nodes.iter().enumerate().flat_map(|(at, node)| {
        let absent = node.reads.iter().filter(|(_, value)| *value == ABSENT);
        absent.map(move |(key, _)| (at, *key))
    });
    let choices: Vec<(usize, Vec<Option<usize>>)> = absences
        .map(|(at, key)| {
            let is_delete = |node: &Node| last_write(node, key).is_some_and(|op| op.action == Action::Delete);
            let deletes = (0..nodes.len()).filter(|other| *other != at && is_delete(&nodes[*other])).map(Some);
            (at, [None].into_iter().chain(deletes).collect())
        })
        .collect();
    let mut chosen = vec![0; choices.len()];
    loop {
        let mut causes: Vec<u32> = nodes.iter().map(|node| node.causes).collect();
        for ((at, options), chosen) in choices.iter().zip(&chosen) {
            if let Some(delete) = options[*chosen] {
                causes[*at] |= 1 << delete;
            }
        }
        if any_order_fits(nodes, &causes) {
            return true;
        }
        let Some(next) = (0..chosen.len()).find(|at| chosen[*at] + 1 < choices[*at].1.len()) else { return false };
        chosen[..next].fill(0);
        chosen[next] += 1;
    }
}

fn any_order_fits(nodes: &[Node], causes: &[u32]) -> bool {
    let Some(pasts) = closure(causes) else { return false };
    let is_writer = |at: &usize| nodes[*at].ops.iter().any(Op::is_write);
    let writers: Vec<usize> = (0..nodes.len()).filter(is_writer).collect();
    // Session order is part of every order, so only merges of the sessions are tried. A write of unknown outcome is in no order.
    let lane = |at: &usize| if nodes[*at].is_unknown { (1, *at as u64) } else { (0, nodes[*at].session) };
    let mut lanes: Vec<(u64, u64)> = writers.iter().map(lane).collect();
    lanes.sort_unstable();
    loop {
        let mut used = 0_u32;
        let order: Vec<usize> = lanes
            .iter()
            .filter_map(|wanted| {
                let next = writers.iter().find(|at| used >> **at & 1 == 0 && lane(at) == *wanted)?;
                used |= 1 << next;
                Some(*next)
            })
            .collect();
        if extends(&order, &pasts) && nodes.iter().zip(&pasts).all(|(node, past)| reads_fit(nodes, node, *past, &order)) {
            return true;
        }
        if !next_permutation(&mut lanes) {
            return false;
        }
    }
}

fn extends(order: &[usize], pasts: &[u32]) -> bool {
    let writers = order.iter().fold(0_u32, |set, at| set | 1 << at);
    let mut before = 0_u32;
    order.iter().all(|at| {
        let fits = pasts[*at] & writers & !before == 0;
        before |= 1 << at;
        fits
    })
}

fn reads_fit(nodes: &[Node], node: &Node, past: u32, order: &[usize]) -> bool {
    node.reads.iter().all(|(key, value)| {
        let newest = order.iter().rev().filter(|at| past >> **at & 1 == 1).find_map(|at| last_write(&nodes[*at], *key));
        let seen = newest.map_or(ABSENT, |op| if op.action == Action::Delete { ABSENT } else { op.value });
        seen == *value
    })
}

/// The whole past of each; nothing if something is its own cause.
fn closure(causes: &[u32]) -> Option<Vec<u32>> {
    let mut pasts = causes.to_vec();
    for through in 0..pasts.len() {
        for at in 0..pasts.len() {
            if pasts[at] >> through & 1 == 1 {
                pasts[at] |= pasts[through];
            }
        }
    }
    pasts.iter().enumerate().all(|(at, past)| past >> at & 1 == 0).then_some(pasts)
}

fn nodes_of(ops: &[Op]) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for op in ops.iter().filter(|op| op.outcome != Outcome::Failed) {
        match nodes.iter_mut().find(|node| node.number == op.transaction) {
            Some(node) => node.ops.push(*op),
            None => {
                let is_unknown = op.outcome == Outcome::Unknown;
                nodes.push(Node { ops: vec![*op], session: op.session, number: op.transaction, is_unknown, ..Node::default() });
            }
        }
    }
    nodes
}

/// What a transaction reads from others; nothing if it does not read its own writes.
fn outside_reads(ops: &[Op]) -> Option<Vec<(u64, u64)>> {
    let mut reads = Vec::new();
    for (at, read) in ops.iter().enumerate().filter(|(_, op)| op.action == Action::Read) {
        match ops[..at].iter().rev().find(|op| op.is_write() && op.key == read.key) {
            Some(own) if own.action == Action::Delete && read.value == ABSENT => {}
            Some(own) if own.action == Action::Put && read.value == own.value => {}
            Some(_) => return None,
            None => reads.push((read.key, read.value)),
        }
    }
    Some(reads)
}

fn last_write(node: &Node, key: u64) -> Option<&Op> {
    node.ops.iter().rev().find(|op| op.is_write() && op.key == key)
}

/// The next in lexicographic order; `false` after the last.
pub(super) fn next_permutation<T: Ord>(items: &mut [T]) -> bool {
    let Some(pivot) = (1..items.len()).rev().find(|at| items[at - 1] < items[*at]) else { return false };
    let pivot = pivot - 1;
    let Some(larger) = (pivot + 1..items.len()).rev().find(|at| items[pivot] < items[*at]) else { return false };
    items.swap(pivot, larger);
    items[pivot + 1..].reverse();
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_permutations_of_a_multiset_come_once() {
        let mut items = [1, 1, 2, 3];
        let mut count = 1;
        while next_permutation(&mut items) {
            count += 1;
        }
        assert_eq!(count, 12);
    }

    #[test]
    fn a_long_fork_is_fine_and_a_lost_cause_is_not() {
        let fork = [Op::put(0, 0, 0, 1), Op::put(1, 1, 1, 1)];
        let readers = [Op::read(2, 2, 0, 1), Op::read(2, 3, 1, 0), Op::read(3, 4, 1, 1), Op::read(3, 5, 0, 0)];
        assert!(is_consistent(&[&fork[..], &readers].concat()));
        let lost = [Op::put(0, 0, 0, 1), Op::read(1, 1, 0, 1), Op::put(1, 2, 1, 1), Op::read(2, 3, 1, 1), Op::read(2, 4, 0, 0)];
        assert!(!is_consistent(&lost));
        assert!(is_consistent(&lost[..4]));
    }
}
