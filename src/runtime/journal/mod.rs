//! The journal: what makes a node's records, marks and snapshots durable, and gives them back after a crash.
//!
//! - The **log** ([`store::log`](crate::store::log)) takes records in group commits: everything that waits becomes one frame, one
//!   write and one sync. Only then are the records [`Durable`](crate::node::JournalEvent::Durable).
//! - The **marks** are a few numbers that must not wait for room or for the log: rewritten in place, always synced, by a task of
//!   their own.
//! - A **snapshot** takes the place of the log that led to it.
//!
//! What goes wrong, and what the journal makes of it:
//!
//! | what | then |
//! | --- | --- |
//! | no room for a frame | nothing of it remains, its records are `Refused`; the next frame tries again |
//! | no room for a segment | the log goes on in the last one, and tries again later |
//! | a write or sync of the log fails | `Failed`: the log takes no more until a restart; marks are still tried |
//! | the marks' write or sync fails | `MarkFailed`; the marks that were durable last stay untouched |
//! | what is set aside cannot be written | `NotSetAside`; nothing takes its place meanwhile |
//! | a snapshot fails | `SnapshotGivenUp`: the log that it would have replaced is still there |

mod log_writer;
mod marks_writer;
mod options;
mod recover;
mod run;
mod set_aside_writer;
mod snapshot_writer;
mod stats;

use std::sync::Arc;

pub use options::{JournalError, JournalOptions};
pub use stats::{JournalStats, SYNC_BUCKETS_US};

use self::{log_writer::LogWriter, marks_writer::MarksWriter, options::disk_error};
use crate::{
    runtime::Disk,
    store::{
        Holes, MARKS_NAME, MarksContent, Recovered, Stop,
        log::{Finding, SEGMENT_HEAD_BYTES},
    },
};

/// A node's journal, opened and not yet running.
pub struct Journal<D: Disk> {
    disk: D,
    options: JournalOptions,
    log: LogWriter<D>,
    marks: MarksWriter<D::File>,
    findings: Vec<Finding>,
    uncovered_bytes: u64,
    stats: Arc<JournalStats>,
}

/// Recovers what is on a disk and makes it ready to be written to.
///
/// # Errors
/// [`JournalError`]: the data is another's or of a later version, or the disk fails.
pub async fn open<D: Disk>(disk: D, options: &JournalOptions) -> Result<(Journal<D>, Recovered), JournalError> {
    let found = recover::recover(&disk, options).await?;
    let log = LogWriter::new(disk.clone(), options, found.tail);
    let holes = if found.findings.iter().any(Finding::leaves_hole) {
        Holes::Inside
    } else if found.findings.iter().any(Finding::is_loss) {
        Holes::AtEnd
    } else {
        Holes::None
    };
    let content = MarksContent {
        identity: options.identity.clone(),
        policy: options.policy,
        stop: Stop::None,
        holes,
        durable: log.synced().position,
        last: log.synced().last,
        marks: found.recovered.marks.clone(),
    };
    let marks = MarksWriter::open(&disk, &found.marks, content).await.map_err(disk_error(MARKS_NAME))?;
    let (findings, uncovered_bytes) = (found.findings, found.uncovered_bytes);
    let stats = Arc::new(JournalStats::default());
    let journal = Journal { disk, options: options.clone(), log, marks, findings, uncovered_bytes, stats };
    debug_assert!(journal.log.synced().position.offset >= SEGMENT_HEAD_BYTES);
    Ok((journal, found.recovered))
}

/// The newest marks on a disk that can be read, before a journal is opened there.
///
/// # Errors
/// They are of a later version, or the disk fails.
pub async fn peek<D: Disk>(disk: &D) -> Result<Option<MarksContent>, JournalError> {
    let marks = marks_writer::read_marks(disk).await.map_err(disk_error(MARKS_NAME))?;
    recover::check_version(&marks)?;
    Ok(marks.newest().map(|(_, _, content)| content.clone()))
}

impl<D: Disk> Journal<D> {
    /// What it counts, also while it runs.
    pub fn stats(&self) -> Arc<JournalStats> {
        Arc::clone(&self.stats)
    }

    /// What was out of the ordinary on the disk when it was opened.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}
