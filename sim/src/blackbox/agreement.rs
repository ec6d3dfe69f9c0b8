//! The offline checker against the oracle, history by history.

use std::fmt;

use super::{Evidence, History, Op, Outcome, Random, Scope, Verdict, check, explain, oracle, sample};

/// How it went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Histories that were judged.
    pub histories: u64,
    /// Of these, violations by both.
    pub violations: u64,
    /// Proofs that were tried out: the transactions that a proof names are a violation for the oracle too.
    pub proofs: u64,
    /// Histories on which they differ, or whose proof proves nothing.
    pub differ: u64,
    /// The first of these.
    pub first: Option<Vec<Op>>,
}

impl Agreement {
    /// Over all histories of a scope.
    pub fn of_scope(scope: Scope) -> Self {
        let mut agreement = Self::default();
        scope.each(|ops| agreement.judge(ops));
        agreement
    }

    /// Over so many random histories of up to so many operations.
    pub fn of_samples(seed: u64, histories: u64, most: u64) -> Self {
        let mut agreement = Self::default();
        let mut random = Random::new(seed);
        for _ in 0..histories {
            agreement.judge(&sample(&mut random, most));
        }
        agreement
    }

    /// Over one more.
    pub fn judge(&mut self, ops: &[Op]) {
        self.histories += 1;
        let fits = oracle::is_consistent(ops);
        let history = History::of(ops).expect("the history is well formed");
        let verdict = check(&history).expect("its values are unique");
        let agrees = match (fits, &verdict) {
            (true, Verdict::Consistent) => true,
            (false, Verdict::Violated(evidence)) => {
                self.violations += 1;
                evidence.len() > 1 || evidence.first().is_some_and(|evidence| self.is_proven(ops, &history, evidence))
            }
            _ => false,
        };
        if !agrees {
            self.differ += 1;
            self.first.get_or_insert_with(|| ops.to_vec());
        }
    }

    /// Whether what a proof names is a violation by itself. With an open read in it a proof is only one case of several.
    fn is_proven(&mut self, ops: &[Op], history: &History, evidence: &Evidence) -> bool {
        let explained = explain(history, evidence).expect("its values are unique");
        if ops.len() > 9 || !explained.counterexample.taken.is_empty() {
            return true;
        }
        self.proofs += 1;
        let named: Vec<Op> =
            explained.transactions.iter().flat_map(|t| history.operations_of(*t)).map(|at| history.op(at)).collect();
        let failed = ops.iter().filter(|op| op.outcome == Outcome::Failed).copied();
        let mut kept: Vec<Op> = ops.iter().filter(|op| named.contains(op)).copied().collect();
        kept.extend(failed);
        !oracle::is_consistent(&kept)
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { histories, violations, proofs, differ, first } = self;
        write!(f, "{histories} histories, {violations} violations, {proofs} proofs tried out, {differ} differ")?;
        first.iter().flatten().try_for_each(|op| write!(f, "\n{op}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Alphabet, *};

    fn agree(agreement: &Agreement) {
        assert_eq!(agreement.differ, 0, "{agreement}");
        assert!(agreement.violations > agreement.histories / 20, "{agreement}");
        assert!(agreement.violations < agreement.histories * 19 / 20, "{agreement}");
    }

    #[test]
    fn checker_and_oracle_agree_on_every_history_of_a_tiny_scope() {
        agree(&Agreement::of_scope(Scope { sessions: 3, operations: 2, alphabet: Alphabet::PutsAndReads }));
        agree(&Agreement::of_scope(Scope { sessions: 2, operations: 2, alphabet: Alphabet::All }));
    }

    #[test]
    fn checker_and_oracle_agree_on_some_thousand_random_histories() {
        agree(&Agreement::of_samples(1, 10_000, 9));
    }

    #[test]
    #[ignore = "minutes; `causeway-sim check --exhaustive` prints the same"]
    fn checker_and_oracle_agree_on_every_history_of_the_whole_scope() {
        agree(&Agreement::of_scope(Scope { sessions: 3, operations: 3, alphabet: Alphabet::PutsAndReads }));
        agree(&Agreement::of_scope(Scope { sessions: 3, operations: 2, alphabet: Alphabet::All }));
        agree(&Agreement::of_samples(2, 1_000_000, 10));
    }
}
