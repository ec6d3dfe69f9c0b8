//! Which tombstone did an open read see, where no order is found without knowing?
//!
//! First by trial and repair: every such read takes the likeliest, and what turns out wrong is traced to the assumptions that it
//! needs. If it needs none, the history is wrong whatever was seen; if it needs one, that one is ruled out for good; else one of
//! them is changed. Where that comes to no end and the history is small, all ways are tried, with a stack of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{Action, Rule},
    Assigned, Evidence, Finding, Graph, Ground, Open, Walk,
    orders::{self, Attempt},
    sources::last_writes,
    tombstones::Guesses,
};

/// What came of it.
pub enum Solved {
    /// Every read is explained.
    Fits,
    /// Whatever the open reads saw, something is wrong: what it is, for some of the ways to take them.
    Violated(Vec<Evidence>),
    /// There are too many ways.
    GaveUp,
}

/// Operations that may be walked over in all, by repair and by trying all.
const WORK: usize = 20_000_000;
const FIRST_ATTEMPTS: usize = 40;
/// Rounds of repair at most.
const MOST_REPAIRS: usize = 2000;
/// Of how many ways to take the open reads it is told why they do not fit.
const TOLD: usize = 8;

/// Looks for a way to take all open reads.
pub fn solve(ground: Ground<'_>) -> Solved {
    match repair(ground) {
        Solved::GaveUp => try_all(ground),
        solved => solved,
    }
}

fn attempts(ground: Ground<'_>) -> usize {
    WORK / 2 / (ground.history.operations() + 1) + FIRST_ATTEMPTS
}

fn repair(ground: Ground<'_>) -> Solved {
    let mut repair = Repair::default();
    for _ in 0..attempts(ground).min(MOST_REPAIRS) {
        let (attempt, assigned) = attempt(ground, &repair.assigned, Some(&repair.guesses));
        let solved = match attempt {
            Attempt::Fits => Some(Solved::Fits),
            Attempt::DependsOn(opens) => repair.look_further(ground, opens),
            Attempt::Fails(finding) => {
                let assumed = ground.graph(&assigned).assumptions(&finding);
                repair.rule_out(Evidence { finding, assigned: restricted(&assigned, &assumed) })
            }
        };
        if let Some(solved) = solved {
            return solved;
        }
    }
    Solved::GaveUp
}

/// What was learned about guesses.
#[derive(Default)]
struct Repair {
    /// Guesses that the walk shall not make itself.
    assigned: Assigned,
    guesses: Guesses,
    /// Why a read did not see a delete, whatever the others saw.
    refuted: BTreeMap<usize, BTreeMap<u32, Evidence>>,
    changes: usize,
}

impl Repair {
    /// Reads that no delete in their past explains: first the walk is let loose on the deletes elsewhere, then any is taken that
    /// was not ruled out.
    fn look_further(&mut self, ground: Ground<'_>, opens: Vec<Open>) -> Option<Solved> {
        for Open { read, puts, .. } in opens {
            if self.guesses.beyond.insert(read) {
                continue;
            }
            let avoided = self.guesses.avoided.entry(read).or_default();
            let refuted = self.refuted.entry(read).or_default();
            if avoided.len() > refuted.len() {
                // What was avoided for the sake of other guesses may be right after all.
                avoided.retain(|delete| refuted.contains_key(delete));
                continue;
            }
            let candidates = likeliest_last(ground, read);
            if let Some(delete) = candidates.iter().rev().find(|delete| !avoided.contains(delete)) {
                self.assigned.insert(read, *delete);
                continue;
            }
            let refuted = std::mem::take(refuted);
            if candidates.iter().any(|delete| !refuted.contains_key(delete)) {
                return Some(Solved::GaveUp);
            }
            let alone = Evidence { finding: Finding::NoTombstone { read, newer: puts[0] }, assigned: Assigned::new() };
            let evidence: Vec<Evidence> = refuted.into_values().take(TOLD).collect();
            return Some(Solved::Violated(if evidence.is_empty() { vec![alone] } else { evidence }));
        }
        None
    }

    /// A finding rests on these assumptions: not all of them can be right.
    fn rule_out(&mut self, evidence: Evidence) -> Option<Solved> {
        let assumed: Vec<(usize, u32)> = evidence.assigned.iter().map(|(read, delete)| (*read, *delete)).collect();
        self.changes += 1;
        let Some((read, delete)) = assumed.get(self.changes % assumed.len().max(1)).copied() else {
            return Some(Solved::Violated(vec![evidence]));
        };
        if assumed.len() == 1 {
            self.refuted.entry(read).or_default().insert(delete, evidence);
        }
        self.guesses.avoided.entry(read).or_default().insert(delete);
        self.assigned.remove(&read);
        None
    }
}

fn restricted(assigned: &Assigned, reads: &BTreeSet<usize>) -> Assigned {
    assigned.iter().filter(|(read, _)| reads.contains(read)).map(|(read, delete)| (*read, *delete)).collect()
}

struct Frame {
    read: usize,
    candidates: Vec<u32>,
}

fn try_all(ground: Ground<'_>) -> Solved {
    let mut assigned = Assigned::new();
    let mut frames: Vec<Frame> = Vec::new();
    let mut evidence = Vec::new();
    for _ in 0..attempts(ground) {
        match attempt(ground, &assigned, None).0 {
            Attempt::Fits => return Solved::Fits,
            Attempt::DependsOn(opens) => {
                let Some(Open { read, puts, .. }) = opens.into_iter().next() else { return Solved::GaveUp };
                let candidates = likeliest_last(ground, read);
                if candidates.is_empty() {
                    note(&mut evidence, Finding::NoTombstone { read, newer: puts[0] }, &assigned);
                }
                frames.push(Frame { read, candidates });
            }
            Attempt::Fails(finding) => note(&mut evidence, finding, &assigned),
        }
        loop {
            let Some(frame) = frames.last_mut() else { return Solved::Violated(evidence) };
            if let Some(delete) = frame.candidates.pop() {
                assigned.insert(frame.read, delete);
                break;
            }
            assigned.remove(&frame.read);
            frames.pop();
        }
    }
    Solved::GaveUp
}

fn note(evidence: &mut Vec<Evidence>, finding: Finding, assigned: &Assigned) {
    if evidence.len() < TOLD {
        evidence.push(Evidence { finding, assigned: assigned.clone() });
    }
}

/// One walk, and what reads are taken to have seen in it.
fn attempt(ground: Ground<'_>, assigned: &Assigned, guesses: Option<&Guesses>) -> (Attempt, Assigned) {
    let Ground { history, rules, .. } = ground;
    let causes = ground.graph(assigned);
    let walk = Walk::new(ground, assigned, guesses);
    let learned = if is_sorted(&causes) {
        walk.run(0..history.transactions() as u32)
    } else {
        match causes.sort() {
            Ok(sorted) => walk.run(unknown_at_their_places(&causes, sorted).into_iter()),
            Err(_) if !rules.has(Rule::NoCausalCycle) => return (Attempt::Fits, Assigned::new()),
            Err(left) => {
                let finding = Finding::CausalCycle { cycle: causes.cycle(&left) };
                return (Attempt::Fails(finding), assigned.clone());
            }
        }
    };
    let mut all = assigned.clone();
    all.extend(&learned.assumed);
    let attempt = match &learned.failed {
        None => orders::find(ground.graph(&all), &learned),
        Some(finding) => Attempt::Fails(finding.clone()),
    };
    (attempt, all)
}

/// Whether what each read saw, or is taken to have seen, stands before it.
fn is_sorted(causes: &Graph<'_>) -> bool {
    let mut taken = causes.assigned.iter();
    causes.sources.are_sorted && taken.all(|(read, delete)| *delete < causes.history.transaction_of(*read))
}

/// A write of unknown outcome is before nothing of its session, so it may come late in the order; its past ends where it was begun.
fn unknown_at_their_places(causes: &Graph<'_>, sorted: Vec<u32>) -> Vec<u32> {
    let Graph { history, timelines, .. } = *causes;
    let mut unknown: BTreeMap<Option<u32>, Vec<u32>> = BTreeMap::new();
    for transaction in sorted.iter().filter(|transaction| history.is_unknown(**transaction)) {
        unknown.entry(timelines.before(history, *transaction)).or_default().push(*transaction);
    }
    if unknown.is_empty() {
        return sorted;
    }
    let mut moved = unknown.remove(&None).unwrap_or_default();
    for transaction in sorted.into_iter().filter(|transaction| !history.is_unknown(*transaction)) {
        moved.push(transaction);
        moved.extend(unknown.remove(&Some(transaction)).unwrap_or_default());
    }
    moved
}

/// The deletes that a read may have seen. Those before it in the history are likelier than those after, and the ones right
/// before it the likeliest.
fn likeliest_last(ground: Ground<'_>, read: usize) -> Vec<u32> {
    let history = ground.history;
    let (key, reader) = (history.key(read), history.transaction_of(read));
    let is_delete = |at: usize| history.key(at) == key && history.action(at) == Action::Delete;
    let deletes = |t: &u32| history.operations_of(*t).any(is_delete) && last_writes(history, *t).any(is_delete);
    let all: BTreeSet<u32> = (0..history.transactions() as u32).filter(|t| *t != reader).filter(deletes).collect();
    let after = all.range(reader..).rev();
    after.chain(all.range(..reader)).copied().collect()
}
