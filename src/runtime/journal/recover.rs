//! What a node finds on its disk when it starts: read, judged, and made ready to be appended to.
//!
//! Nothing is believed that was merely readable. A process may have been killed between its write and its sync, with the
//! operating system still showing what no disk holds yet; so whatever is recovered is written and synced again before anyone is
//! told of it.

use std::{io, sync::Arc};

use super::{
    JournalError, JournalOptions,
    log_writer::{Tail, create_segment, is_full},
    marks_writer::read_marks,
    options::disk_error,
    set_aside_writer::read_set_aside,
    snapshot_writer::{give_up, remove_older},
};
use crate::{
    id::Lsn,
    mark::{Mark, reached},
    mutant::{Mutant, planted},
    runtime::{Disk, DiskFile},
    store::{
        CHUNK_HEAD_BYTES, MARKS_NAME, Marks, MarksContent, MarksScan, Position, Progress, Record, Recovered,
        SNAPSHOT_TEMPORARY_NAME, Snapshot, SnapshotDecoder, SnapshotError, Verdict,
        log::{
            Beside, Finding, HeadError, LogState, SEGMENT_HEAD_BYTES, SegmentHead, SegmentScan, judge_log, judge_marks,
            scan_segment, segment_name, segment_number,
        },
        snapshot_name, snapshot_segment,
    },
};

/// A disk may err once and be right the next time: damage is believed when it is read twice.
const READS: usize = 2;

/// How many records [`Mutant::RecoveryDropsTail`] drops.
const DROPPED_TAIL: usize = 3;

/// All that was found, and where the log goes on.
pub(super) struct Found<F> {
    pub recovered: Recovered,
    pub findings: Vec<Finding>,
    pub marks: MarksScan,
    pub tail: Tail<F>,
    /// Bytes of log that no snapshot stands for.
    pub uncovered_bytes: u64,
}

/// Reads everything, cuts a torn tail, makes what is left durable.
pub(super) async fn recover<D: Disk>(disk: &D, options: &JournalOptions) -> Result<Found<D::File>, JournalError> {
    let marks = read_marks_twice(disk).await.map_err(disk_error(MARKS_NAME))?;
    check_version(&marks)?;
    let content = marks.newest().map(|(_, _, content)| content.clone());
    if let Some(content) = &content {
        check_identity(content, options)?;
    }
    let names = disk.list().await.map_err(disk_error("."))?;
    let (snapshot, mut findings) = read_snapshots(disk, &names).await?;
    let log = Log::read(disk, &names, snapshot.base()).await?;
    log.check_heads(options)?;

    let durable = content.as_ref().map_or_else(Position::default, |content| content.durable);
    findings.extend(judge_log(LogState { base: snapshot.base(), segments: &log.segments, durable }));
    let beside = if snapshot.whole.is_some() || log.has_frames() { Beside::Something } else { Beside::Nothing };
    findings.extend(judge_marks(&marks, beside));
    let (set_aside, unreadable) = read_set_aside(disk, &names).await.map_err(disk_error("set-aside"))?;
    findings.extend(unreadable);

    let known = content.as_ref().map_or(Lsn::default(), |content| content.last);
    let last = known.max(snapshot.last()).max(log.last());
    let newest_number = snapshot.newest.max(log.segments.last().map_or(0, |(number, _)| *number));
    let end = End { number: newest_number, last, durable };
    let tail = log.settle(disk, options, &findings, end).await?;
    clean_up(disk, &names, &snapshot).await?;

    let uncovered_bytes = log.segments.iter().map(|(_, scan)| scan.end() - SEGMENT_HEAD_BYTES).sum();
    let marks_kept = content.and_then(|content| content.marks);
    let records = own_records_kept(log.into_records(), marks_kept.as_ref());
    let verdict = judge(&findings, beside, marks_kept.as_ref());
    let snapshot = snapshot.whole.map(|whole| whole.snapshot);
    let recovered = Recovered { snapshot, records, marks: marks_kept, last, set_aside, verdict };
    Ok(Found { recovered, findings, marks, tail, uncovered_bytes })
}

fn judge(findings: &[Finding], beside: Beside, marks: Option<&Marks>) -> Verdict {
    if findings.iter().any(Finding::leaves_hole) {
        reached(Mark::LogDamaged);
        Verdict::Damaged
    } else if findings.iter().any(Finding::is_loss) {
        reached(Mark::LogMayLack);
        Verdict::MayLack
    } else if beside == Beside::Nothing && marks.is_none() {
        Verdict::Empty
    } else {
        Verdict::Complete
    }
}

/// After a failed fsync the node's own records above some hlc are in doubt, and count as never written.
fn own_records_kept(mut records: Vec<Record>, marks: Option<&Marks>) -> Vec<Record> {
    if let Some(finished_at) = marks.and_then(|marks| marks.finished_at) {
        records.retain(|record| match record {
            Record::Write(write) => write.dot.actor != finished_at.actor || write.dot.hlc <= finished_at.hlc,
            Record::Applied(_) => true,
        });
    }
    if planted(Mutant::RecoveryDropsTail) {
        records.truncate(records.len().saturating_sub(DROPPED_TAIL));
    }
    records
}

/// Whether this program can read the marks, as far as they are whole.
///
/// # Errors
/// [`JournalError::NewerMarks`].
pub(super) fn check_version(marks: &MarksScan) -> Result<(), JournalError> {
    marks.newer().map_or(Ok(()), |version| Err(JournalError::NewerMarks(version)))
}

fn check_identity(content: &MarksContent, options: &JournalOptions) -> Result<(), JournalError> {
    let (found, expected) = (&content.identity, &options.identity);
    if found.cluster != expected.cluster {
        return Err(JournalError::OtherCluster { found: found.cluster, expected: expected.cluster });
    }
    if found.node != expected.node {
        return Err(JournalError::OtherNode { found: found.node.clone(), expected: expected.node.clone() });
    }
    Ok(())
}

async fn read_marks_twice<D: Disk>(disk: &D) -> io::Result<MarksScan> {
    let scan = read_marks(disk).await?;
    if scan.is_damaged() { read_marks(disk).await } else { Ok(scan) }
}

/// The snapshots of a disk.
struct Snapshots {
    /// The newest that is whole.
    whole: Option<WholeSnapshot>,
    /// The segment behind the newest, whole or not; 0 without one.
    newest: u64,
}

struct WholeSnapshot {
    segment: u64,
    last: Lsn,
    snapshot: Snapshot,
}

impl Snapshots {
    /// The first segment that is not in the snapshot.
    fn base(&self) -> u64 {
        self.whole.as_ref().map_or(1, |whole| whole.segment)
    }

    fn last(&self) -> Lsn {
        self.whole.as_ref().map_or(Lsn::default(), |whole| whole.last)
    }
}

async fn read_snapshots<D: Disk>(disk: &D, names: &[String]) -> Result<(Snapshots, Vec<Finding>), JournalError> {
    let mut segments: Vec<u64> = names.iter().filter_map(|name| snapshot_segment(name)).collect();
    segments.sort_unstable();
    let mut snapshots = Snapshots { whole: None, newest: segments.last().copied().unwrap_or(0) };
    let mut findings = Vec::new();
    for segment in segments.into_iter().rev() {
        let mut read = read_snapshot(disk, segment).await;
        for _ in 1..READS {
            if matches!(read, Ok(Err(_))) {
                read = read_snapshot(disk, segment).await;
            }
        }
        match read.map_err(disk_error(snapshot_name(segment)))? {
            Ok((snapshot, last)) => {
                reached(Mark::SnapshotRead);
                snapshots.whole = Some(WholeSnapshot { segment, last, snapshot });
                break;
            }
            Err(SnapshotError::Newer(version)) => return Err(JournalError::NewerSnapshot { segment, version }),
            Err(error) => findings.push(Finding::LostSnapshot { segment, error }),
        }
    }
    Ok((snapshots, findings))
}

type SnapshotRead = Result<(Snapshot, Lsn), SnapshotError>;

async fn read_snapshot<D: Disk>(disk: &D, segment: u64) -> io::Result<SnapshotRead> {
    let file = disk.open(&snapshot_name(segment)).await?;
    let size = file.size().await?;
    let mut decoder = SnapshotDecoder::new(segment);
    let mut offset = 0;
    loop {
        let mut bytes = [0; CHUNK_HEAD_BYTES];
        if offset + CHUNK_HEAD_BYTES as u64 > size {
            return Ok(Err(SnapshotError::Damaged(decoder.next_chunk())));
        }
        file.read_at(offset, &mut bytes).await?;
        offset += CHUNK_HEAD_BYTES as u64;
        let head = match decoder.chunk_head(&bytes, size - offset) {
            Ok(head) => head,
            Err(error) => return Ok(Err(error)),
        };
        let mut payload = vec![0; head.length()];
        file.read_at(offset, &mut payload).await?;
        offset += payload.len() as u64;
        match decoder.payload(head, &payload) {
            Ok(Progress::More) => {}
            Ok(Progress::Whole) => return Ok(Ok(decoder.into_snapshot())),
            Err(error) => return Ok(Err(error)),
        }
    }
}

/// The segments behind the snapshot.
struct Log {
    segments: Vec<(u64, SegmentScan)>,
    /// The bytes of the last segment.
    last_bytes: Vec<u8>,
}

/// What is known of where the log ends.
struct End {
    /// The newest segment that there is, or of which a snapshot tells.
    number: u64,
    last: Lsn,
    durable: Position,
}

impl Log {
    async fn read<D: Disk>(disk: &D, names: &[String], base: u64) -> Result<Self, JournalError> {
        let mut numbers: Vec<u64> = names.iter().filter_map(|name| segment_number(name)).filter(|n| *n >= base).collect();
        numbers.sort_unstable();
        let mut log = Self { segments: Vec::new(), last_bytes: Vec::new() };
        for number in numbers {
            let name = segment_name(number);
            for read in 1..=READS {
                log.last_bytes = read_file(disk, &name).await.map_err(disk_error(&name))?;
                let scan = scan_segment(number, &log.last_bytes);
                if read == READS || (scan.head.is_ok() && scan.gaps.is_empty()) {
                    log.segments.push((number, scan));
                    break;
                }
            }
        }
        Ok(log)
    }

    fn check_heads(&self, options: &JournalOptions) -> Result<(), JournalError> {
        for (segment, scan) in &self.segments {
            match scan.head {
                Ok(head) if head.cluster != options.identity.cluster => {
                    return Err(JournalError::OtherCluster { found: head.cluster, expected: options.identity.cluster });
                }
                Ok(head) if head.node != options.identity.node_hash() => {
                    let found = format!("#{:016x}", head.node);
                    return Err(JournalError::OtherNode { found, expected: options.identity.node.clone() });
                }
                Err(HeadError::Newer(version)) => return Err(JournalError::Newer { segment: *segment, version }),
                _ => {}
            }
        }
        Ok(())
    }

    fn has_frames(&self) -> bool {
        self.segments.iter().any(|(_, scan)| !scan.frames.is_empty())
    }

    fn last(&self) -> Lsn {
        let heads = self.segments.iter().filter_map(|(_, scan)| scan.head.ok()).map(|head| head.last);
        let frames = self.segments.iter().filter_map(|(_, scan)| scan.frames.last()).map(|placed| placed.frame.last());
        heads.chain(frames).max().unwrap_or_default()
    }

    fn into_records(self) -> Vec<Record> {
        let frames = self.segments.into_iter().flat_map(|(_, scan)| scan.frames);
        frames.flat_map(|placed| placed.frame.records).collect()
    }

    /// Cuts torn tails, makes what was read durable, and finds or makes the segment to append to.
    async fn settle<D: Disk>(
        &self,
        disk: &D,
        options: &JournalOptions,
        findings: &[Finding],
        end: End,
    ) -> Result<Tail<D::File>, JournalError> {
        for finding in findings {
            if let Finding::TornTail { at, .. } = finding {
                reached(Mark::TornTail);
                let name = segment_name(at.segment);
                cut(disk, &name, at.offset).await.map_err(disk_error(name))?;
            }
        }
        let Some((number, scan)) = self.segments.last() else {
            return begin(disk, options, SegmentHead { number: end.number.max(1), last: end.last, ..SegmentHead::default() })
                .await;
        };
        let before = self.segments.iter().rev().nth(1).filter(|(before, _)| before + 1 == *number);
        let lost = findings.iter().any(|finding| finding.is_loss() && finding.segment() == Some(*number));
        match scan.head {
            Ok(head) if !lost && *number >= end.number && !scan.frames.is_empty() => {
                let name = segment_name(*number);
                let file = self.make_durable(disk, *number, scan, end.durable).await.map_err(disk_error(name))?;
                Ok(Tail { head, file, end: scan.end(), last: end.last })
            }
            // Nothing was ever in it: it is made anew, and knows the end of the one before it as that is now.
            _ if !lost && *number >= end.number && scan.frames.is_empty() => {
                let previous_end = before.map_or(0, |(_, scan)| scan.end());
                begin(disk, options, SegmentHead { number: *number, last: end.last, previous_end, ..SegmentHead::default() })
                    .await
            }
            // Left as it is, for whoever looks into what happened. The next snapshot removes it.
            _ => {
                let number = end.number.max(number + 1);
                let previous_end = if number == self.segments.last().map_or(0, |(last, _)| last + 1) { scan.end() } else { 0 };
                begin(disk, options, SegmentHead { number, last: end.last, previous_end, ..SegmentHead::default() }).await
            }
        }
    }

    /// Writes again what may only seem to be on the disk, and syncs it. The file's size too: after a failed sync it may be one that
    /// no disk holds, and a rewrite inside the file does not bring it there.
    async fn make_durable<D: Disk>(
        &self,
        disk: &D,
        number: u64,
        scan: &SegmentScan,
        durable: Position,
    ) -> io::Result<Arc<D::File>> {
        let file = disk.open(&segment_name(number)).await?;
        let from = if durable.segment == number { durable.offset } else { SEGMENT_HEAD_BYTES };
        let doubtful = self.last_bytes.get(from as usize..scan.end() as usize).unwrap_or_default();
        if !doubtful.is_empty() {
            if !planted(Mutant::SegmentSizeForgotten) {
                file.truncate(scan.end() + 1).await?;
                file.truncate(scan.end()).await?;
            }
            match file.write_at(from, doubtful).await {
                Err(error) if !is_full(&error) => return Err(error),
                _ => {}
            }
        }
        file.sync().await?;
        Ok(file)
    }
}

async fn begin<D: Disk>(disk: &D, options: &JournalOptions, head: SegmentHead) -> Result<Tail<D::File>, JournalError> {
    let (cluster, node, salt) = (options.identity.cluster, options.identity.node_hash(), options.salt);
    let head = SegmentHead { cluster, node, salt, ..head };
    let file = create_segment(disk, &head).await.map_err(disk_error(segment_name(head.number)))?;
    Ok(Tail { head, file, end: SEGMENT_HEAD_BYTES, last: head.last })
}

async fn cut<D: Disk>(disk: &D, name: &str, size: u64) -> io::Result<()> {
    let file = disk.open(name).await?;
    file.truncate(size).await?;
    file.sync().await
}

/// Removes what a snapshot stands for and what never became one. Names are made durable first: what they stand for must not go
/// before them.
async fn clean_up<D: Disk>(disk: &D, names: &[String], snapshots: &Snapshots) -> Result<(), JournalError> {
    if names.iter().any(|name| name == SNAPSHOT_TEMPORARY_NAME) {
        give_up(disk).await;
    }
    disk.sync_dir().await.map_err(disk_error("."))?;
    match &snapshots.whole {
        Some(whole) if whole.segment == snapshots.newest => remove_older(disk, whole.segment).await.map_err(disk_error(".")),
        _ => Ok(()),
    }
}

async fn read_file<D: Disk>(disk: &D, name: &str) -> io::Result<Vec<u8>> {
    let file = disk.open(name).await?;
    let mut bytes = vec![0; file.size().await? as usize];
    file.read_at(0, &mut bytes).await?;
    Ok(bytes)
}
