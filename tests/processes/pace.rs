//! How fast answers come: every request with its time, to be compared between quiet times and changes.

use std::{
    io::Write,
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Between looks at how late the machine is.
const LOOK: Duration = Duration::from_millis(20);

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
        self.0.lock().expect("no panic under the lock").push(timing);
    }

    /// How long answered requests took that began in one of these times: half of them, and 99 of 100.
    pub fn percentiles(&self, spans: &[Range<Duration>]) -> (Duration, Duration) {
        let timings = self.0.lock().expect("no panic under the lock");
        let of_span = timings.iter().filter(|timing| spans.iter().any(|span| span.contains(&timing.began)));
        let mut took: Vec<Duration> = of_span.filter(|one| one.answered != Answered::Never).map(|one| one.took).collect();
        took.sort_unstable();
        let at = |percent: usize| took.get((took.len() * percent / 100).min(took.len().saturating_sub(1))).copied();
        (at(50).unwrap_or_default(), at(99).unwrap_or_default())
    }

    /// How many requests were done a second in this time.
    pub fn rate(&self, span: &Range<Duration>) -> f64 {
        let timings = self.0.lock().expect("no panic under the lock");
        let done = timings.iter().filter(|timing| timing.answered == Answered::Done && span.contains(&timing.ended()));
        done.count() as f64 / (span.end - span.start).as_secs_f64()
    }

    /// The longest time without any request being done, and when it began.
    pub fn longest_gap(&self, span: &Range<Duration>) -> (Duration, Duration) {
        let timings = self.0.lock().expect("no panic under the lock");
        let done = timings.iter().filter(|timing| timing.answered == Answered::Done).map(Timing::ended);
        let mut ends: Vec<Duration> = done.filter(|end| span.contains(end)).chain([span.start, span.end]).collect();
        ends.sort_unstable();
        ends.windows(2).map(|pair| (pair[1] - pair[0], pair[0])).max().unwrap_or_default()
    }

    /// The request that took longest of those to nodes that were up.
    pub fn slowest(&self, outages: &[Outage]) -> Option<Timing> {
        let timings = self.0.lock().expect("no panic under the lock");
        let hit = |timing: &Timing| outages.iter().any(|outage| outage.node == timing.node && timing.meets(&outage.span));
        timings.iter().filter(|timing| !hit(timing)).max_by_key(|timing| timing.took).copied()
    }
}

/// Watches how late this machine is, which may be busy with other things: how much longer than asked for a thread sleeps and then waits
/// for a few bytes to be on the disk. That comes on top of what the nodes take.
pub struct Lateness {
    over: Arc<AtomicBool>,
    most_us: Arc<AtomicU64>,
}

impl Lateness {
    /// Watches from now on.
    pub fn watched() -> Self {
        let (over, most_us) = (Arc::new(AtomicBool::default()), Arc::new(AtomicU64::default()));
        let (is_over, noted) = (over.clone(), most_us.clone());
        thread::spawn(move || {
            let mut file = tempfile::tempfile().expect("a temporary file");
            while !is_over.load(Ordering::Relaxed) {
                let began = Instant::now();
                thread::sleep(LOOK);
                file.write_all(b"now").and_then(|()| file.sync_data()).expect("the disk is well");
                noted.fetch_max(began.elapsed().saturating_sub(LOOK).as_micros() as u64, Ordering::Relaxed);
            }
        });
        Self { over, most_us }
    }

    /// The most so far.
    pub fn most(&self) -> Duration {
        Duration::from_micros(self.most_us.load(Ordering::Relaxed))
    }
}

impl Drop for Lateness {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
