//! Many seeds, in worker processes: one that crashes, aborts or hangs loses its seed and nothing else.
//!
//! A sweep goes on after a failure and sorts failures into [groups](tally::Group). Two guards stand beside it. *The gate*: some seeds run
//! again in another process, and every one that fails does; where the two runs are not the same, both run once more with their traces,
//! to show where they part. *The canary*: a planted bug that must be caught ([`canary`]).

pub mod canary;
pub mod capsule;
mod floor;
pub mod job;
pub mod partition;
pub mod process;
pub mod sabotage;
pub mod tally;
pub mod worker;

use std::{
    io,
    ops::Range,
    path::PathBuf,
    sync::atomic::AtomicBool,
    thread,
    time::{Duration, Instant},
};

use causeway::mutant::Mutant;

use crate::sweep::{floor::Floor, job::SeedReport, partition::Partition, sabotage::Sabotage, tally::SweepReport};

/// What a sweep is asked.
#[derive(Debug, Clone)]
pub struct SweepPlan {
    /// Which seeds.
    pub seeds: Range<u64>,
    /// Which of them are run here.
    pub partition: Partition,
    /// How many run at the same time.
    pub jobs: usize,
    /// A bug to plant in all of them.
    pub mutant: Option<Mutant>,
    /// After how many failures no new seed is begun.
    pub max_failures: usize,
    /// Of how many seeds in a hundred the run is repeated in another process.
    pub repeat_percent: u8,
    /// Within how many seeds the canary must be caught.
    pub canary_seeds: u64,
    /// How long one may take on the clock on the wall.
    pub seed_limit: Duration,
    /// How long to look for a small plan of each group of failures; zero for not at all.
    pub shrink_limit: Duration,
    /// Where failures leave their files.
    pub out: PathBuf,
    /// The program that workers are: this one.
    pub program: PathBuf,
    /// What is broken on purpose.
    pub sabotage: Vec<Sabotage>,
}

/// What is told of a sweep while it goes on.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// Seeds that are done.
    pub seeds: u64,
    /// Seeds that failed.
    pub failures: usize,
    /// The seed that just did.
    pub failed: Option<&'a SeedReport>,
}

/// Who is told, on any thread.
pub type Progress<'a> = &'a (dyn Fn(Step<'_>) + Sync);

impl SweepPlan {
    /// The seeds that are run here.
    pub fn own_seeds(&self) -> impl Iterator<Item = u64> + Send + use<> {
        self.partition.of(self.seeds.clone())
    }
}

/// Runs all seeds, until there are too many failures or `stop` is set. What was found by then is the report.
///
/// # Errors
/// No worker can be started, or no file be written.
#[expect(clippy::disallowed_methods, reason = "what happens within a seed knows neither of other seeds nor of this clock")]
pub fn sweep(plan: &SweepPlan, stop: &AtomicBool, progress: Progress<'_>) -> io::Result<SweepReport> {
    let began = Instant::now();
    let floor = Floor::new(plan, stop, progress);
    thread::scope(|scope| {
        for bench in 0..plan.jobs.max(1) {
            let floor = &floor;
            scope.spawn(move || floor.work(bench));
        }
    });
    floor.make_small();
    let mut report = floor.close()?;
    report.took = began.elapsed();
    Ok(report)
}
