//! One snapshot on its way to the disk. Whatever fails, it is given up and nothing is lost: the log that it would stand for is
//! removed only after it is in place.

use std::{io, sync::Arc};

use crate::{
    id::Lsn,
    runtime::{Disk, DiskFile},
    store::{
        Key, SNAPSHOT_TEMPORARY_NAME, SnapshotEncoder, SnapshotHead, Version, log::segment_number, snapshot_name,
        snapshot_segment,
    },
};

/// Writes `snapshot.tmp` and puts it in place.
pub(super) struct SnapshotWriter<D: Disk> {
    disk: D,
    file: Arc<D::File>,
    encoder: SnapshotEncoder,
    segment: u64,
    end: u64,
}

impl<D: Disk> SnapshotWriter<D> {
    /// Begins the snapshot that stands for all segments below `segment`, of which `last` is the last record.
    pub async fn begin(disk: &D, segment: u64, last: Lsn, head: SnapshotHead) -> io::Result<Self> {
        let file = disk.open(SNAPSHOT_TEMPORARY_NAME).await?;
        file.truncate(0).await?;
        let mut writer = Self { disk: disk.clone(), file, encoder: SnapshotEncoder::new(segment), segment, end: 0 };
        let chunk = writer.encoder.head(last, head).map_err(io::Error::other)?;
        writer.append(&chunk).await?;
        Ok(writer)
    }

    /// Adds keys with their versions.
    pub async fn part(&mut self, entries: &[(Key, Vec<Version>)]) -> io::Result<()> {
        let chunk = self.encoder.part(entries).map_err(io::Error::other)?;
        self.append(&chunk).await
    }

    /// Makes it durable, puts it in place, and removes what it stands for.
    pub async fn end(mut self) -> io::Result<()> {
        let chunk = self.encoder.end().map_err(io::Error::other)?;
        self.append(&chunk).await?;
        self.file.sync().await?;
        self.disk.rename(SNAPSHOT_TEMPORARY_NAME, &snapshot_name(self.segment)).await?;
        self.disk.sync_dir().await?;
        // What cannot be removed now is removed behind the next snapshot, or at the next start.
        let _ = remove_older(&self.disk, self.segment).await;
        Ok(())
    }

    async fn append(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.file.write_at(self.end, chunk).await?;
        self.end += chunk.len() as u64;
        Ok(())
    }
}

/// Removes a snapshot that will not become whole, which gives its room back.
pub(super) async fn give_up<D: Disk>(disk: &D) {
    // What remains is no snapshot: only its name would make it one.
    let _ = disk.remove(SNAPSHOT_TEMPORARY_NAME).await;
}

/// Removes the segments and snapshots that the snapshot of this segment stands for. It must be durably in place.
pub(super) async fn remove_older<D: Disk>(disk: &D, segment: u64) -> io::Result<()> {
    for name in disk.list().await? {
        if segment_number(&name).or(snapshot_segment(&name)).is_some_and(|number| number < segment) {
            disk.remove(&name).await?;
        }
    }
    disk.sync_dir().await
}
