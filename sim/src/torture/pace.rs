//! How fast answers come: every request with its time, to be compared between quiet times and changes.

use std::{
    ops::Range,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It was done.
    Done,
    /// It was answered otherwise.
    Refused,
    /// No answer came.
    Never,
}

/// One request; times are since the run began.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Which node was asked.
    pub node: usize,
    /// When.
    pub began: Duration,
    /// How long it took.
    pub took: Duration,
    /// What came of it.
    pub answered: Answered,
}

impl Timing {
    fn ended(&self) -> Duration {
        self.began + self.took
    }

    fn meets(&self, span: &Range<Duration>) -> bool {
        self.began < span.end && span.start < self.ended()
    }
}

/// A time in which a node was down or stood still, or was not yet back.
pub struct Outage {
    /// Which node.
    pub node: usize,
    /// From when until when.
    pub span: Range<Duration>,
}

/// All requests of a run.
#[derive(Debug, Default)]
pub struct Pace(Mutex<Vec<Timing>>);

impl Pace {
    /// Notes a request.
    pub fn note(&self, timing: Timing) {
        self.timings().push(timing);
    }

    fn timings(&self) -> MutexGuard<'_, Vec<Timing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long answered requests took that began in one of these times: half of them, and 99 of 100.
    pub fn percentiles(&self, spans: &[Range<Duration>]) -> (Duration, Duration) {
        let timings = self.timings();
        let of_span = timings.iter().filter(|timing| spans.iter().any(|span| span.contains(&timing.began)));
        let mut took: Vec<Duration> = of_span.filter(|one| one.answered != Answered::Never).map(|one| one.took).collect();
        took.sort_unstable();
        let at = |percent: usize| took.get((took.len() * percent / 100).min(took.len().saturating_sub(1))).copied();
        (at(50).unwrap_or_default(), at(99).unwrap_or_default())
    }

    /// How many requests were done a second in this time.
    pub fn rate(&self, span: &Range<Duration>) -> f64 {
        let timings = self.timings();
        let done = timings.iter().filter(|timing| timing.answered == Answered::Done && span.contains(&timing.ended()));
        done.count() as f64 / (span.end - span.start).as_secs_f64()
    }

    /// The longest time without any request being done, and when it began.
    pub fn longest_gap(&self, span: &Range<Duration>) -> (Duration, Duration) {
        let timings = self.timings();
        let done = timings.iter().filter(|timing| timing.answered == Answered::Done).map(Timing::ended);
        let mut ends: Vec<Duration> = done.filter(|end| span.contains(end)).chain([span.start, span.end]).collect();
        ends.sort_unstable();
        ends.windows(2).map(|pair| (pair[1] - pair[0], pair[0])).max().unwrap_or_default()
    }

    /// The request that took longest of those to nodes that were up.
    pub fn slowest(&self, outages: &[Outage]) -> Option<Timing> {
        let timings = self.timings();
        let hit = |timing: &Timing| outages.iter().any(|outage| outage.node == timing.node && timing.meets(&outage.span));
        timings.iter().filter(|timing| !hit(timing)).max_by_key(|timing| timing.took).copied()
    }
}
