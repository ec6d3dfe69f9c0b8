//! The marks' file: read at the start, then rewritten by a task of its own, so that marks do not wait behind the log.

use std::{io, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use super::{JournalStats, log_writer::Synced};
use crate::{
    clock::Hlc,
    mark::{Mark, reached},
    node::JournalEvent,
    runtime::{Disk, DiskFile},
    store::{Holes, MARKS_FILE_BYTES, MARKS_NAME, Marks, MarksContent, MarksScan, MarksSlot, Stop, scan_marks},
};

/// What the marks' task is told.
pub(super) enum MarksOrder {
    /// The node wants these kept.
    Keep(Marks, Synced),
    /// A snapshot has taken the place of all that was on the disk at the start.
    Replaced(Synced),
    /// The journal ends.
    Stop(Stop, Synced),
}

/// Rewrites the marks, by turns in two slots.
pub(super) struct MarksWriter<F> {
    file: Arc<F>,
    content: MarksContent,
    /// The slot that the next writing goes to: never the one with the newest whole marks.
    slot: MarksSlot,
    sequence: u64,
    replaced: bool,
}

/// Reads the marks' file, or nothing where there is none.
pub(super) async fn read_marks<D: Disk>(disk: &D) -> io::Result<MarksScan> {
    let file = disk.open(MARKS_NAME).await?;
    let mut bytes = vec![0; file.size().await?.min(MARKS_FILE_BYTES as u64) as usize];
    file.read_at(0, &mut bytes).await?;
    Ok(scan_marks(&bytes))
}

impl<F: DiskFile> MarksWriter<F> {
    /// Opens the file, makes it as long as it will ever be, and writes the first content.
    pub async fn open<D: Disk<File = F>>(disk: &D, scan: &MarksScan, content: MarksContent) -> io::Result<Self> {
        let file = disk.open(MARKS_NAME).await?;
        let size = file.size().await?;
        if size < MARKS_FILE_BYTES as u64 {
            file.write_at(size, &vec![0; MARKS_FILE_BYTES - size as usize]).await?;
            file.sync().await?;
        }
        let (slot, sequence) = match scan.newest() {
            Some((slot, sequence, _)) => (slot.other(), sequence),
            None => (MarksSlot::First, 0),
        };
        let mut writer = Self { file, content, slot, sequence, replaced: false };
        writer.write().await?;
        disk.sync_dir().await?;
        Ok(writer)
    }

    /// Does what it is told until it is told to stop, then says so.
    pub async fn run(mut self, mut orders: mpsc::UnboundedReceiver<MarksOrder>, tell: MarksTell) {
        while let Some(order) = orders.recv().await {
            let mut leases = Vec::new();
            let mut stopping = false;
            let mut next = Some(order);
            while let Some(order) = next {
                match order {
                    MarksOrder::Keep(marks, synced) => {
                        leases.push(marks.lease);
                        self.keep(marks, synced);
                    }
                    MarksOrder::Replaced(synced) => {
                        self.replaced = true;
                        self.know(synced);
                    }
                    MarksOrder::Stop(stop, synced) => {
                        self.content.stop = stop;
                        self.know(synced);
                        stopping = true;
                    }
                }
                next = orders.try_recv().ok();
            }
            let written = self.write().await;
            for lease in leases {
                tell.of(lease, &written);
            }
            if stopping {
                break;
            }
        }
        let _ = tell.stopped.send(());
    }

    fn keep(&mut self, marks: Marks, synced: Synced) {
        self.content.marks = Some(marks);
        // The node knows what was missing, and these marks are of what it has now. A hole is a hole until its log is gone.
        if self.content.holes == Holes::AtEnd || self.replaced {
            self.content.holes = Holes::None;
        }
        self.know(synced);
    }

    fn know(&mut self, synced: Synced) {
        (self.content.durable, self.content.last) = (synced.position, synced.last);
    }

    /// Makes the content durable. After a failure the same slot is written again: the other holds what was durable last.
    async fn write(&mut self) -> io::Result<()> {
        self.sequence += 1;
        let bytes = self.content.encode(self.slot, self.sequence).map_err(io::Error::other)?;
        self.file.write_at(self.slot.offset(), &bytes).await?;
        self.file.sync().await?;
        self.slot = self.slot.other();
        Ok(())
    }
}

/// Whom the marks' task tells of what it does.
pub(super) struct MarksTell {
    pub events: mpsc::UnboundedSender<JournalEvent>,
    pub stats: Arc<JournalStats>,
    pub stopped: oneshot::Sender<()>,
}

impl MarksTell {
    fn of(&self, lease: Hlc, written: &io::Result<()>) {
        let event = match written {
            Ok(()) => {
                self.stats.count_mark();
                JournalEvent::Marked { lease }
            }
            Err(_) => {
                reached(Mark::MarkFailed);
                self.stats.count_mark_failure();
                JournalEvent::MarkFailed
            }
        };
        let _ = self.events.send(event);
    }
}
