//! The net's own test: each planted bug is caught, by the checker that is named for it, within [`SEED_LIMIT`] seeds.
//!
//! A checker that catches nothing may be sound or asleep; this tells which. Where a bug cannot show itself in a cluster of six
//! (a token of that many actors is never folded hard), a direct test is named instead.

use std::fmt;

use causeway::{
    clock::{Dot, ENTRY_CAP, Hlc, Token},
    id::{ActorId, Epoch},
    mutant::{Mutant, plant},
};

use crate::{
    run::{Verdict, run_seed},
    trace::Keep,
};

/// Within how many seeds a planted bug must be caught.
pub const SEED_LIMIT: u64 = 200;

/// How a planted bug is caught.
#[derive(Debug, Clone, Copy)]
pub enum Catcher {
    /// By any of these checkers, in a simulation.
    Checkers(&'static [&'static str]),
    /// By a direct test of what the bug is in.
    Direct(&'static str, fn() -> bool),
}

/// One row of the table.
#[derive(Debug)]
pub struct Row {
    /// The planted bug.
    pub mutant: Mutant,
    /// Who should catch it.
    pub catcher: Catcher,
    /// Who did; `None` when nobody did.
    pub caught_by: Option<&'static str>,
    /// What was found.
    pub evidence: String,
    /// How many seeds it took.
    pub seeds: u64,
    /// How many client operations it took.
    pub operations: u64,
}

impl Row {
    /// Runs one more seed. Returns whether it fails.
    fn try_seed(&mut self, seed: u64) -> bool {
        let report = run_seed(seed, Some(self.mutant), Keep::Nothing);
        self.seeds += 1;
        self.operations += u64::from(report.operations);
        if report.verdict == Verdict::Passed {
            return false;
        }
        self.caught_by = Some(report.verdict.caught_by());
        self.evidence = match report.verdict {
            Verdict::Safety(violation) => violation.property.to_string(),
            verdict => verdict.to_string(),
        };
        true
    }

    /// Whether it was caught by who is named for it.
    pub fn is_caught_as_named(&self) -> bool {
        match (self.catcher, self.caught_by) {
            (Catcher::Checkers(named), Some(by)) => named.contains(&by),
            (Catcher::Direct(named, _), Some(by)) => named == by,
            (_, None) => false,
        }
    }
}

/// Who is named for a planted bug.
pub fn catcher(mutant: Mutant) -> Catcher {
    match mutant {
        Mutant::ReadWithoutCheck | Mutant::ForwardDropsToken => {
            Catcher::Checkers(&["a2_reads", "a1_stamps", "token_covers_past"])
        }
        Mutant::TokenKeepsOnlyTheDot | Mutant::AnswerWithoutDot => Catcher::Checkers(&["token_covers_past"]),
        Mutant::FoldKeepsFloor => Catcher::Direct("a hard fold never lowers a token", hard_fold_lowers),
        Mutant::PromiseAheadOfData | Mutant::GapAccepted => Catcher::Checkers(&["promises"]),
        Mutant::RestartWithoutLease => Catcher::Checkers(&["promises", "a1_stamps"]),
        Mutant::AnswerBeforeFsync | Mutant::RecoveryDropsTail => Catcher::Checkers(&["durability"]),
        Mutant::ReapplyBelowVector => Catcher::Checkers(&["applied_once"]),
        Mutant::LastArrivalWins => Catcher::Checkers(&["stamps_never_go_back", "same_set_same_state"]),
        Mutant::TombstoneCollectedEarly => Catcher::Checkers(&["tombstones"]),
        Mutant::DeleteWithoutTombstone => {
            Catcher::Checkers(&["same_set_same_state", "stamps_never_go_back", "durability", "convergence", "token_covers_past"])
        }
        Mutant::MacNotChecked => Catcher::Checkers(&["answers"]),
        Mutant::RetryAppliedTwice => Catcher::Checkers(&["records_are_asked_for"]),
    }
}

/// Looks for a planted bug, one seed after the other, so that the table is always the same.
pub fn hunt(mutant: Mutant) -> Row {
    let catcher = catcher(mutant);
    let mut row = Row { mutant, catcher, caught_by: None, evidence: String::new(), seeds: 0, operations: 0 };
    match catcher {
        Catcher::Direct(name, shows) => {
            plant(Some(mutant));
            row.caught_by = shows().then_some(name);
            plant(None);
        }
        Catcher::Checkers(_) => {
            (0..SEED_LIMIT).find(|seed| row.try_seed(*seed));
        }
    }
    row
}

/// Whether a hard fold forgets something.
fn hard_fold_lowers() -> bool {
    let actors = 2 * ENTRY_CAP as u32;
    let dot = |actor: u32| Dot { actor: ActorId(actor), hlc: Hlc::from_millis(1_000 + u64::from(actor)) };
    let full = Token::from_parts(Epoch::default(), Hlc::ZERO, (0..actors).map(dot));
    let mut folded = full.clone();
    folded.fold(Hlc::ZERO);
    full.entries().any(|dot| folded.get(dot.actor) < dot.hlc)
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = self.caught_by.unwrap_or("nobody");
        write!(f, "{:<26} {by:<34} {:>5} {:>10}  {}", self.mutant.to_string(), self.seeds, self.operations, self.evidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_direct_test_passes_without_the_bug() {
        assert!(!hard_fold_lowers());
    }
}
