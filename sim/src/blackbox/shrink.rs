//! From a history that is wrong to a smallest one that is wrong in the same way: leave out any operation of it (with the reads
//! that saw or may have seen it) and it is fine. Delta debugging (Zeller, Hildebrandt, TSE 2002), begun from what the proof speaks of.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ABSENT, Action, Counterexample, Evidence, Finding, History, Malformed, Op, Outcome, Verdict, check, excuses::excuses, explain,
};

/// A smallest history, and why it is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shrunk {
    /// Its operations, with the names that they had.
    pub ops: Vec<Op>,
    /// Why.
    pub counterexample: Counterexample,
    /// How many histories were judged on the way.
    pub checks: usize,
}

/// What stays the same while a history shrinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    ThinAir,
    Aborted,
    WithinTransactions,
    Causes,
    Order,
}

impl Family {
    fn of(evidence: &[Evidence]) -> Option<Self> {
        Some(match evidence.first()?.finding {
            Finding::ThinAir { .. } => Self::ThinAir,
            Finding::Aborted { .. } => Self::Aborted,
            Finding::Future { .. } | Finding::Intermediate { .. } | Finding::NotOwn { .. } => Self::WithinTransactions,
            Finding::CausalCycle { .. } => Self::Causes,
            _ => Self::Order,
        })
    }
}

struct Shrinker {
    family: Family,
    /// By key, what may be why reads found nothing.
    excuses: BTreeMap<u64, BTreeSet<Op>>,
    checks: usize,
}

/// Makes a history small in which this was found; nothing if there is nothing wrong with it.
///
/// # Errors
/// As [`check`].
pub fn shrink(history: &History, evidence: &[Evidence]) -> Result<Option<Shrunk>, Malformed> {
    const SMALL: usize = 8;
    const SHORT: usize = 200_000;
    let Some(family) = Family::of(evidence) else { return Ok(None) };
    let mut shrinker = Shrinker { family, excuses: BTreeMap::new(), checks: 0 };
    let first = shrinker.shrink(history, evidence)?;
    // Another violation may be told in less: the first that there is. A delete after it may be an excuse, then it is none.
    if first.as_ref().is_none_or(|first| first.ops.len() <= SMALL) || history.operations() > SHORT || !shrinker.excuses.is_empty()
    {
        return Ok(first);
    }
    let beginning = shrinker.shortest_beginning(history)?;
    let Verdict::Violated(evidence) = check(&beginning)? else { return Ok(first) };
    let second = shrinker.shrink(&beginning, &evidence)?;
    Ok([first, second].into_iter().flatten().min_by_key(|shrunk| shrunk.ops.len()))
}

impl Shrinker {
    fn shrink(&mut self, history: &History, evidence: &[Evidence]) -> Result<Option<Shrunk>, Malformed> {
        let mut ops = self.begin(history, evidence)?;
        loop {
            let before = ops.len();
            ops = self.leave_out(ops, |op| (op.transaction, op.outcome == Outcome::Failed))?;
            ops = self.leave_out(ops, |op| *op)?;
            if ops.len() == before {
                break;
            }
        }
        let small = History::of(&ops)?;
        let Verdict::Violated(evidence) = check(&small)? else { return Ok(None) };
        let Some(first) = evidence.first() else { return Ok(None) };
        let counterexample = explain(&small, first)?.counterexample;
        Ok(Some(Shrunk { ops, counterexample, checks: self.checks }))
    }

    /// As much of a history, as it was written down, as is needed to be as wrong.
    fn shortest_beginning(&mut self, history: &History) -> Result<History, Malformed> {
        let ops: Vec<Op> = history.iter().collect();
        let (mut right, mut wrong) = (0, ops.len());
        while right + 1 < wrong {
            let middle = usize::midpoint(right, wrong);
            let beginning = self.without_orphans(ops[..middle].to_vec());
            *(if self.is_as_wrong(&beginning)? { &mut wrong } else { &mut right }) = middle;
        }
        History::of(&self.without_orphans(ops[..wrong].to_vec()))
    }

    /// What the proofs speak of, if that is wrong by itself; else everything.
    fn begin(&mut self, history: &History, evidence: &[Evidence]) -> Result<Vec<Op>, Malformed> {
        let mut spoken_of = BTreeSet::new();
        for evidence in evidence {
            spoken_of.extend(explain(history, evidence)?.transactions);
        }
        let known: Vec<usize> = spoken_of.iter().flat_map(|transaction| history.operations_of(*transaction)).collect();
        self.excuses = excuses(history, &known)?;
        let failed = history.iter().filter(|op| op.outcome == Outcome::Failed);
        let mut few: BTreeSet<Op> = known.iter().map(|operation| history.op(*operation)).chain(failed).collect();
        few.extend(self.excuses.values().flatten());
        let few = history.iter().filter(|op| few.contains(op)).collect();
        let few = self.without_orphans(few);
        if self.is_as_wrong(&few)? {
            return Ok(few);
        }
        self.excuses = excuses(history, &(0..history.operations()).collect::<Vec<_>>())?;
        Ok(history.iter().collect())
    }

    /// Leaves out groups of operations, first many, then few, until no group can be left out.
    fn leave_out<K: Ord>(&mut self, mut ops: Vec<Op>, group_of: impl Fn(&Op) -> K) -> Result<Vec<Op>, Malformed> {
        let mut pieces = 2;
        loop {
            let mut groups: BTreeMap<K, usize> = BTreeMap::new();
            for op in &ops {
                let next = groups.len();
                groups.entry(group_of(op)).or_insert(next);
            }
            if groups.is_empty() {
                return Ok(ops);
            }
            let size = groups.len().div_ceil(pieces);
            let mut shrunk = None;
            for piece in 0..groups.len().div_ceil(size) {
                let left: Vec<Op> = ops.iter().filter(|op| groups[&group_of(op)] / size != piece).copied().collect();
                let left = self.without_orphans(left);
                if self.is_as_wrong(&left)? {
                    shrunk = Some(left);
                    break;
                }
            }
            match shrunk {
                Some(left) => {
                    ops = left;
                    pieces = (pieces - 1).max(2);
                }
                None if size == 1 => return Ok(ops),
                None => pieces = (pieces * 2).min(groups.len()),
            }
        }
    }

    /// Without the reads whose write is left out: they would be another kind of wrong.
    fn without_orphans(&self, ops: Vec<Op>) -> Vec<Op> {
        if self.family == Family::ThinAir {
            return ops;
        }
        let written: BTreeSet<(u64, u64)> =
            ops.iter().filter(|op| op.action == Action::Put).map(|op| (op.key, op.value)).collect();
        let deleted: BTreeSet<&Op> = ops.iter().filter(|op| op.action == Action::Delete).collect();
        let is_excused =
            |key: u64| self.excuses.get(&key).is_none_or(|excuses| excuses.iter().all(|delete| deleted.contains(delete)));
        let has_write = |op: &Op| if op.value == ABSENT { is_excused(op.key) } else { written.contains(&(op.key, op.value)) };
        ops.iter().filter(|op| op.action != Action::Read || has_write(op)).copied().collect()
    }

    fn is_as_wrong(&mut self, ops: &[Op]) -> Result<bool, Malformed> {
        self.checks += 1;
        let verdict = check(&History::of(ops)?)?;
        Ok(matches!(verdict, Verdict::Violated(evidence) if Family::of(&evidence) == Some(self.family)))
    }
}
