//! The writing end of the log: frames behind each other, segments behind each other.

use std::{io, sync::Arc};

use super::JournalOptions;
use crate::{
    id::Lsn,
    mark::{Mark, reached},
    runtime::{Disk, DiskFile},
    store::{
        Position,
        log::{FrameBuilder, Place, SEGMENT_HEAD_BYTES, SegmentHead, segment_name},
    },
};

/// Up to where the log is durable for certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Synced {
    /// The place.
    pub position: Position,
    /// The last record up to there.
    pub last: Lsn,
}

/// Why a frame is not in the log.
#[derive(Debug)]
pub(super) enum AppendError {
    /// There was no room. Nothing of it is there, and the log goes on.
    Full,
    /// The disk failed: nothing is known of what was not synced, and the log must not go on.
    Broken,
}

/// Appends to the last segment, and begins the next one when it is full.
pub(super) struct LogWriter<D: Disk> {
    disk: D,
    segment_bytes: u64,
    head: SegmentHead,
    file: Arc<D::File>,
    end: u64,
    last: Lsn,
    synced: Synced,
    /// After a segment could not be begun: how long this one grows before the next try.
    roll_at: u64,
}

/// A segment to append to, ready and durable.
pub(super) struct Tail<F> {
    pub head: SegmentHead,
    pub file: Arc<F>,
    pub end: u64,
    pub last: Lsn,
}

impl<D: Disk> LogWriter<D> {
    pub fn new(disk: D, options: &JournalOptions, tail: Tail<D::File>) -> Self {
        let Tail { head, file, end, last } = tail;
        let synced = Synced { position: Position { segment: head.number, offset: end }, last };
        let segment_bytes = options.segment_bytes;
        Self { disk, segment_bytes, head, file, end, last, synced, roll_at: segment_bytes }
    }

    /// The last record in the log.
    pub fn last(&self) -> Lsn {
        self.last
    }

    /// Up to where it is durable for certain.
    pub fn synced(&self) -> Synced {
        self.synced
    }

    /// The number of the segment that is appended to.
    pub fn segment(&self) -> u64 {
        self.head.number
    }

    /// Writes a frame; not durable before [`sync`](Self::sync). Says how many bytes it took.
    pub async fn append(&mut self, frame: &mut FrameBuilder, first: Lsn) -> Result<u64, AppendError> {
        let used = self.end > SEGMENT_HEAD_BYTES;
        if used && self.end + frame.length() as u64 > self.roll_at && self.roll().await.is_err() {
            return Err(AppendError::Broken);
        }
        let position = Position { segment: self.head.number, offset: self.end };
        let records = u64::from(frame.count());
        let bytes = frame.finish(Place { salt: self.head.salt, position }, first, self.synced.position);
        let length = bytes.len() as u64;
        match self.file.write_at(self.end, bytes).await {
            Ok(()) => {
                self.end += length;
                self.last = Lsn(first.0 + records - 1);
                Ok(length)
            }
            Err(error) if is_full(&error) => Err(self.erase().await),
            Err(_) => Err(AppendError::Broken),
        }
    }

    /// Makes all frames durable.
    pub async fn sync(&mut self) -> io::Result<()> {
        self.file.sync().await?;
        self.synced = Synced { position: Position { segment: self.head.number, offset: self.end }, last: self.last };
        Ok(())
    }

    /// Ends the segment and begins the next one. Where there is no room for that, goes on in this one: only a failed sync of what
    /// it holds already is an error.
    pub async fn roll(&mut self) -> io::Result<Rolled> {
        self.sync().await?;
        let number = self.head.number + 1;
        let head = SegmentHead { number, last: self.last, previous_end: self.end, ..self.head };
        match create_segment(&self.disk, &head).await {
            Ok(file) => {
                (self.head, self.file, self.end) = (head, file, SEGMENT_HEAD_BYTES);
                self.roll_at = self.segment_bytes;
                self.synced.position = Position { segment: number, offset: self.end };
                Ok(Rolled::Yes)
            }
            Err(_) => {
                reached(Mark::SegmentNotBegun);
                // What is there of it holds no frame, and recovery passes over it.
                let _ = self.disk.remove(&segment_name(number)).await;
                self.roll_at = self.end + self.segment_bytes / 8;
                Ok(Rolled::NoRoom)
            }
        }
    }

    /// Makes certain that nothing is left of a frame that found no room: all of its bytes may be there.
    async fn erase(&mut self) -> AppendError {
        let cut = self.file.truncate(self.end).await;
        match cut.and(self.sync().await) {
            Ok(()) => AppendError::Full,
            Err(_) => AppendError::Broken,
        }
    }
}

/// Whether another segment was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rolled {
    Yes,
    NoRoom,
}

/// Makes a segment's file, or makes it anew, durably.
pub(super) async fn create_segment<D: Disk>(disk: &D, head: &SegmentHead) -> io::Result<Arc<D::File>> {
    let file = disk.open(&segment_name(head.number)).await?;
    file.write_at(0, &head.encode()).await?;
    file.truncate(SEGMENT_HEAD_BYTES).await?;
    file.sync().await?;
    disk.sync_dir().await?;
    Ok(file)
}

/// Whether an error says that there is no room.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}
