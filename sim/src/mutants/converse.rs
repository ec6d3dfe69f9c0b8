//! Is each checker needed? Runs the recorded seed of each planted bug again without the checker that caught it there: then nobody
//! must catch it in that run, or another later. One seed is enough, since who looks changes nothing of what happens in a run.

use std::fmt;

use causeway::mutant::Mutant;

use super::{Catch, hunt, named};
use crate::parallel;

/// One bug, with the checker that caught it and without.
#[derive(Debug, Clone)]
pub struct Converse {
    /// The bug.
    pub mutant: Mutant,
    /// Who caught it when all looked.
    pub with: Option<Catch>,
    /// Who caught it in the same run when that checker did not look.
    pub without: Option<Catch>,
}

/// What becomes of a bug whose checker does not look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// Another sees it at the same time.
    Nothing,
    /// Another sees it later in the run.
    Time,
    /// Nobody sees it in that run.
    TheBug,
}

/// Leaves out each of the checkers in turn, in the run of each bug that it catches. Tells of each bug as soon as it is known.
pub fn converse(checkers: &[&'static str], jobs: usize, tell: &(dyn Fn(&Converse) + Sync)) -> Vec<Converse> {
    let may_catch = |mutant: &Mutant| named(*mutant).catcher.names().iter().any(|name| checkers.contains(name));
    let mutants: Vec<Mutant> = Mutant::ALL.into_iter().filter(may_catch).collect();
    let rows = parallel::map(jobs, &mutants, |mutant| {
        let seed = named(*mutant).recorded_seed;
        let with = hunt(*mutant, seed..seed + 1, None);
        let asked = with.as_ref().filter(|with| checkers.contains(&with.by));
        let without = asked.and_then(|with| hunt(*mutant, seed..seed + 1, Some(with.by)));
        let row = asked.is_some().then_some(Converse { mutant: *mutant, with, without });
        row.iter().for_each(tell);
        row
    });
    rows.into_iter().flatten().collect()
}

impl Converse {
    /// Whether this is the checker that caught the bug.
    pub fn is_by(&self, checker: &str) -> bool {
        self.with.as_ref().is_some_and(|with| with.by == checker)
    }

    /// What is lost when that checker does not look.
    pub fn loss(&self) -> Loss {
        match (&self.with, &self.without) {
            (Some(_), None) => Loss::TheBug,
            (Some(with), Some(without)) if without.at_us > with.at_us => Loss::Time,
            _ => Loss::Nothing,
        }
    }
}

impl fmt::Display for Converse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |catch: &Option<Catch>| match catch {
            Some(catch) => format!("{} at {:.3} s", catch.by, catch.at_us as f64 / 1_000_000.0),
            None => "nobody".to_owned(),
        };
        let Self { mutant, with, without } = self;
        let seed = with.as_ref().map_or(0, |with| with.seed);
        write!(f, "{mutant:<27} {seed:>4}  {:<35} without it: {}", text(with), text(without))
    }
}
