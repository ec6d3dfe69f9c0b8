//! What a journal counts, for metrics. Written by the journal's tasks, read from anywhere.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The upper bounds of the buckets of sync times, in microseconds; one more bucket takes the rest.
pub const SYNC_BUCKETS_US: [u64; 12] = [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000];

/// Counters of one journal since it was opened.
#[derive(Debug, Default)]
pub struct JournalStats {
    records: Counter,
    frames: Counter,
    log_bytes: Counter,
    refused_records: Counter,
    sync_failures: Counter,
    marks: Counter,
    mark_failures: Counter,
    snapshots: Counter,
    snapshots_given_up: Counter,
    queue: Counter,
    sync_us: Counter,
    sync_buckets: [Counter; SYNC_BUCKETS_US.len() + 1],
}

/// A number that several threads see.
#[derive(Debug, Default)]
struct Counter(AtomicU64);

impl Counter {
    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }
}

impl JournalStats {
    /// Records that were written to the log.
    pub fn records(&self) -> u64 {
        self.records.get()
    }

    /// Group commits: frames that were written to the log.
    pub fn frames(&self) -> u64 {
        self.frames.get()
    }

    /// Bytes that were written to the log.
    pub fn log_bytes(&self) -> u64 {
        self.log_bytes.get()
    }

    /// Records that found no room.
    pub fn refused_records(&self) -> u64 {
        self.refused_records.get()
    }

    /// Writes and syncs of the log that failed other than for want of room: 0 or 1, since the log is closed then.
    pub fn sync_failures(&self) -> u64 {
        self.sync_failures.get()
    }

    /// Marks that were made durable.
    pub fn marks(&self) -> u64 {
        self.marks.get()
    }

    /// Marks that could not be made durable.
    pub fn mark_failures(&self) -> u64 {
        self.mark_failures.get()
    }

    /// Snapshots that were put in place.
    pub fn snapshots(&self) -> u64 {
        self.snapshots.get()
    }

    /// Snapshots that were given up.
    pub fn snapshots_given_up(&self) -> u64 {
        self.snapshots_given_up.get()
    }

    /// How many commands waited when the journal last took some.
    pub fn queue(&self) -> u64 {
        self.queue.get()
    }

    /// Syncs of the log.
    pub fn syncs(&self) -> u64 {
        self.sync_buckets.iter().map(Counter::get).sum()
    }

    /// Microseconds spent in syncs of the log.
    pub fn sync_us(&self) -> u64 {
        self.sync_us.get()
    }

    /// How many syncs of the log took at most so many microseconds and more than the bucket before; `None`: all longer ones.
    pub fn sync_buckets(&self) -> impl Iterator<Item = (Option<u64>, u64)> + '_ {
        let bounds = SYNC_BUCKETS_US.into_iter().map(Some).chain([None]);
        bounds.zip(self.sync_buckets.iter().map(Counter::get))
    }

    pub(super) fn count_frame(&self, records: u64, bytes: u64) {
        self.frames.add(1);
        self.records.add(records);
        self.log_bytes.add(bytes);
    }

    pub(super) fn count_sync(&self, took_us: u64) {
        let bucket = SYNC_BUCKETS_US.partition_point(|bound| *bound < took_us);
        self.sync_buckets[bucket].add(1);
        self.sync_us.add(took_us);
    }

    pub(super) fn count_refused(&self, records: u64) {
        self.refused_records.add(records);
    }

    pub(super) fn count_failure(&self) {
        self.sync_failures.add(1);
    }

    pub(super) fn count_mark(&self) {
        self.marks.add(1);
    }

    pub(super) fn count_mark_failure(&self) {
        self.mark_failures.add(1);
    }

    pub(super) fn count_snapshot(&self) {
        self.snapshots.add(1);
    }

    pub(super) fn count_snapshot_given_up(&self) {
        self.snapshots_given_up.add(1);
    }

    pub(super) fn show_queue(&self, waiting: usize) {
        self.queue.0.store(waiting as u64, Relaxed);
    }
}
