//! How soon each planted bug is caught, and how small a plan shows it: the score of the net.
//!
//! A single hunt says more of its first seed than of the net, so there are five, from seeds far apart, and the median counts.

#![expect(clippy::disallowed_methods, reason = "how long shrinking takes is part of the score")]

use std::{fmt, time::Instant};

use causeway::mutant::Mutant;
use serde::Serialize;

use super::{Catch, SEED_LIMIT, hunt, named};
use crate::{parallel, plan::Plan, shrink::shrink};

/// Where the hunts begin.
const FIRST_SEEDS: [u64; 5] = [0, 1_000, 2_000, 3_000, 4_000];

/// The smallest plan found that shows a bug.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Small {
    /// Its operations.
    pub operations: usize,
    /// Its faults.
    pub faults: usize,
    /// How many runs it took to find it.
    pub runs: u32,
    /// How long that took, in seconds on the wall.
    pub seconds: f64,
}

/// What became of one planted bug.
#[derive(Debug, Clone, Serialize)]
pub struct Score {
    /// The bug.
    #[serde(serialize_with = "as_text")]
    pub mutant: Mutant,
    /// Who should catch it.
    pub named: Vec<&'static str>,
    /// What each hunt found.
    pub hunts: Vec<Option<Catch>>,
    /// What the first catch was shrunk to; `None` where nothing was shrunk.
    pub small: Option<Small>,
}

/// The score of the whole net.
#[derive(Debug, Clone, Serialize)]
pub struct Scores {
    /// One of each planted bug, in the order of [`Mutant::ALL`].
    pub mutants: Vec<Score>,
    /// How many were caught in every hunt, by who is named for them.
    pub caught_as_named: usize,
    /// Operations of the shrunk plan, the median over all bugs that have one.
    pub median_operations: Option<usize>,
    /// Faults of the shrunk plan, likewise.
    pub median_faults: Option<usize>,
    /// The longest that shrinking took, in seconds.
    pub longest_shrink_seconds: f64,
}

/// Hunts each bug five times and shrinks the first catch, on so many threads. Tells of each bug as soon as it is done.
pub fn score(mutants: &[Mutant], jobs: usize, tell: &(dyn Fn(&Score) + Sync)) -> Scores {
    each(mutants, jobs, tell, |mutant| {
        let hunts: Vec<_> = FIRST_SEEDS.map(|first| hunt(mutant, first..first + SEED_LIMIT, None)).into();
        let first = hunts[0].as_ref().filter(|catch| catch.seeds > 0);
        Score { small: first.and_then(|catch| small(mutant, catch)), ..Score::of(mutant, hunts) }
    })
}

/// Hunts each bug once, from the seed on that is recorded for it, and shrinks nothing. Tells of each bug as soon as it is done.
pub fn quick(mutants: &[Mutant], jobs: usize, tell: &(dyn Fn(&Score) + Sync)) -> Scores {
    each(mutants, jobs, tell, |mutant| {
        let first = named(mutant).recorded_seed;
        Score::of(mutant, vec![hunt(mutant, first..first + SEED_LIMIT, None)])
    })
}

fn each(mutants: &[Mutant], jobs: usize, tell: &(dyn Fn(&Score) + Sync), of: impl Fn(Mutant) -> Score + Sync) -> Scores {
    let scores = parallel::map(jobs, mutants, |mutant| {
        let score = of(*mutant);
        tell(&score);
        score
    });
    Scores::of(scores.into_iter())
}

/// Runs the recorded seed of each bug, and no other.
pub fn recorded(mutants: &[Mutant], jobs: usize) -> Scores {
    let found = parallel::map(jobs, mutants, |mutant| {
        let seed = named(*mutant).recorded_seed;
        Score::of(*mutant, vec![hunt(*mutant, seed..seed + 1, None)])
    });
    Scores::of(found.into_iter())
}

fn small(mutant: Mutant, catch: &Catch) -> Option<Small> {
    let began = Instant::now();
    let shrunk = shrink(&Plan::draw(catch.seed, Some(mutant)), &|_| {})?;
    let (operations, faults) = (shrunk.plan.operations.len(), shrunk.plan.faults.len());
    Some(Small { operations, faults, runs: shrunk.runs, seconds: began.elapsed().as_secs_f64() })
}

impl Score {
    fn of(mutant: Mutant, hunts: Vec<Option<Catch>>) -> Self {
        Self { mutant, named: named(mutant).catcher.names(), hunts, small: None }
    }

    /// Whether every hunt caught it, by who is named for it.
    pub fn is_caught_as_named(&self) -> bool {
        self.hunts.iter().all(|hunt| hunt.as_ref().is_some_and(|catch| self.named.contains(&catch.by)))
    }

    /// Seeds to catch, the median over the hunts; one in vain counts with all its seeds.
    pub fn seeds(&self) -> u64 {
        median(self.hunts.iter().map(|hunt| hunt.as_ref().map_or(SEED_LIMIT, |catch| catch.seeds))).unwrap_or_default()
    }

    /// Client operations to catch, the median over the hunts that caught it.
    pub fn operations(&self) -> u64 {
        median(self.hunts.iter().flatten().map(|catch| catch.operations)).unwrap_or_default()
    }
}

impl Scores {
    fn of(scores: impl Iterator<Item = Score>) -> Self {
        let mutants: Vec<Score> = scores.collect();
        let smalls = || mutants.iter().filter_map(|score| score.small.as_ref());
        Self {
            caught_as_named: mutants.iter().filter(|score| score.is_caught_as_named()).count(),
            median_operations: median(smalls().map(|small| small.operations)),
            median_faults: median(smalls().map(|small| small.faults)),
            longest_shrink_seconds: smalls().map(|small| small.seconds).fold(0.0, f64::max),
            mutants,
        }
    }

    /// Whether every bug was caught by who is named for it.
    pub fn are_all_caught(&self) -> bool {
        self.caught_as_named == self.mutants.len()
    }
}

/// The element in the middle; of an even number, the larger of the two.
fn median<T: Ord>(all: impl Iterator<Item = T>) -> Option<T> {
    let mut all: Vec<T> = all.collect();
    all.sort_unstable();
    let middle = all.len() / 2;
    all.into_iter().nth(middle)
}

fn as_text<S: serde::Serializer>(mutant: &Mutant, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(mutant)
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut by: Vec<&str> = self.hunts.iter().map(|hunt| hunt.as_ref().map_or("nobody", |catch| catch.by)).collect();
        by.sort_unstable();
        by.dedup();
        write!(f, "{:<27} {:<33} {:>5} {:>10}", self.mutant, by.join(", "), self.seeds(), self.operations())?;
        match &self.small {
            Some(small) => write!(f, " {:>6} {:>6} {:>6.1} s", small.operations, small.faults, small.seconds)?,
            None => write!(f, " {:>6} {:>6} {:>8}", "-", "-", "-")?,
        }
        let first = self.hunts.iter().flatten().next();
        write!(f, "  {}", first.map_or("", |catch| &catch.violated))?;
        if self.is_caught_as_named() { Ok(()) } else { write!(f, "  <- named: {}", self.named.join(", ")) }
    }
}

/// What stands above scores that are printed one a line.
pub fn heading() -> String {
    let [mutant, by, seeds, operations, shrunk, faults, took] =
        ["mutant", "caught by", "seeds", "operations", "shrunk", "faults", "took"];
    format!("{mutant:<27} {by:<33} {seeds:>5} {operations:>10} {shrunk:>6} {faults:>6} {took:>8}  property")
}

/// All of them together, in a line or two.
impl fmt::Display for Scores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} caught by who is named for them, within {SEED_LIMIT} seeds",
            self.caught_as_named,
            self.mutants.len()
        )?;
        if let (Some(operations), Some(faults)) = (self.median_operations, self.median_faults) {
            write!(f, "\nshrunk: {operations} operations and {faults} faults in the median")?;
            write!(f, ", {:.1} s for the longest", self.longest_shrink_seconds)?;
        }
        Ok(())
    }
}
