//! Is each checker needed? Leaves one out and hunts for a bug that it is named for: then nobody must catch it, or another later.

use std::fmt;

use causeway::mutant::Mutant;

use super::{Catch, Catcher, hunt, named};
use crate::parallel;

/// Over how many seeds the others may look.
const SEEDS: u64 = 3;

/// One bug, with a checker that is named for it and without.
#[derive(Debug, Clone)]
pub struct Converse {
    /// The checker.
    pub checker: &'static str,
    /// The bug.
    pub mutant: Mutant,
    /// Who caught it when all looked.
    pub with: Option<Catch>,
    /// Who caught it when the checker did not look.
    pub without: Option<Catch>,
}

/// Leaves out each of the checkers in turn, for each bug that it is named for.
pub fn converse(checkers: &[&'static str], jobs: usize) -> Vec<Converse> {
    let names_it =
        |mutant: &Mutant, checker: &str| matches!(named(*mutant).catcher, Catcher::Checkers(all) if all.contains(&checker));
    let of = |checker: &'static str| {
        Mutant::ALL.into_iter().filter(move |mutant| names_it(mutant, checker)).map(move |mutant| (checker, mutant))
    };
    let pairs: Vec<(&'static str, Mutant)> = checkers.iter().flat_map(|checker| of(checker)).collect();
    parallel::map(jobs, &pairs, |(checker, mutant)| {
        let first = named(*mutant).recorded_seed;
        let with = hunt(*mutant, first..first + SEEDS, None);
        let without = hunt(*mutant, first..first + SEEDS, Some(checker));
        Converse { checker, mutant: *mutant, with, without }
    })
}

impl Converse {
    /// Whether the bug is missed, for a while at least, when the checker does not look.
    pub fn is_missed(&self) -> bool {
        let when = |catch: &Catch| (catch.seeds, catch.at_us);
        match (&self.with, &self.without) {
            (Some(with), _) if with.by != self.checker => false,
            (Some(with), Some(without)) => when(without) > when(with),
            (Some(_), None) => true,
            (None, _) => false,
        }
    }
}

impl fmt::Display for Converse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |catch: &Catch| catch.at_us as f64 / 1_000_000.0;
        let text = |catch: &Option<Catch>| match catch {
            Some(catch) => format!("{} in seed {} at {:.3} s", catch.by, catch.seed, seconds(catch)),
            None => format!("nobody in {SEEDS} seeds"),
        };
        write!(f, "{:<22} {:<27} {:<44} without: {}", self.checker, self.mutant, text(&self.with), text(&self.without))
    }
}
