//! What the state of a log and its marks amounts to: which findings mean that something acknowledged may be missing.

use std::fmt;

use super::{Gap, GapCause, HeadError, Position, SegmentScan};
use crate::{
    clock::Hlc,
    id::ActorId,
    store::{FsyncPolicy, Holes, MarksContent, MarksScan, SnapshotError, Stop},
};

/// Something out of the ordinary on a node's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The last write was cut short by a crash. No loss: it was not acknowledged.
    TornTail {
        /// Where it began.
        at: Position,
        /// Where the file ends.
        to: u64,
    },
    /// The making of a segment was cut short by a crash. No loss: nothing was in it.
    UnfinishedSegment(u64),
    /// Records that were at the end of the log cannot be read.
    LostEnd {
        /// The segment.
        segment: u64,
        /// Where in it.
        gap: Gap,
    },
    /// The same, found at an earlier start already: the log goes on without them in the next segment. No loss that is new.
    NotedLoss {
        /// The segment.
        segment: u64,
        /// Where in it.
        gap: Gap,
    },
    /// Records that had others behind them cannot be read.
    LostFrames {
        /// The segment.
        segment: u64,
        /// Where in it.
        gap: Gap,
    },
    /// A segment's head cannot be read, and without it none of its frames.
    LostHead {
        /// The segment.
        segment: u64,
        /// Why.
        error: HeadError,
    },
    /// Segments are not there.
    MissingSegments {
        /// The first of them.
        from: u64,
        /// The last of them.
        to: u64,
    },
    /// The log was longer once.
    ShortLog {
        /// Where it ends now.
        end: Position,
        /// Up to where it was durable.
        durable: Position,
    },
    /// A snapshot cannot be read.
    LostSnapshot {
        /// The segment at which the log goes on behind it.
        segment: u64,
        /// Why.
        error: SnapshotError,
    },
    /// There is a log or a snapshot, but no marks.
    LostMarks,
    /// Marks cannot be read that may have been the newest.
    DamagedMarks,
    /// The last process crashed under a policy that allows loss.
    UnsyncedStop(FsyncPolicy),
    /// The end was missing at an earlier start, of which the node has not taken note.
    KnownLoss,
    /// Something inside was missing at an earlier start, and is still.
    KnownHoles,
    /// An fsync failed: the node's own records above this count as never written.
    Finished(Hlc),
    /// What was set aside of a former actor cannot be read. Nothing that counts in the cluster.
    LostSetAside(ActorId),
}

impl Finding {
    /// Whether it means that something may be missing that was acknowledged or sent.
    pub fn is_loss(&self) -> bool {
        !matches!(self, Self::TornTail { .. } | Self::UnfinishedSegment(_) | Self::NotedLoss { .. } | Self::LostSetAside(_))
    }

    /// Whether something in the middle may be missing, so that what comes behind it proves nothing of what comes before.
    pub fn leaves_hole(&self) -> bool {
        matches!(
            self,
            Self::LostFrames { .. }
                | Self::LostHead { .. }
                | Self::MissingSegments { .. }
                | Self::LostSnapshot { .. }
                | Self::KnownHoles
        )
    }

    /// Whether it means that bytes on the disk are not what was written.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::LostFrames { gap, .. } => gap.cause != GapCause::Unsynced,
            Self::NotedLoss { .. } | Self::LostSetAside(_) => true,
            Self::UnsyncedStop(_) | Self::KnownLoss | Self::KnownHoles | Self::Finished(_) => false,
            other => other.is_loss(),
        }
    }

    /// The segment that it speaks of.
    pub fn segment(&self) -> Option<u64> {
        match self {
            Self::TornTail { at, .. } => Some(at.segment),
            Self::UnfinishedSegment(segment)
            | Self::LostEnd { segment, .. }
            | Self::NotedLoss { segment, .. }
            | Self::LostFrames { segment, .. }
            | Self::LostHead { segment, .. } => Some(*segment),
            Self::ShortLog { end, .. } => Some(end.segment),
            _ => None,
        }
    }
}

/// The segments from where the snapshot ends, by number, and where they were to begin.
#[derive(Debug, Clone, Copy)]
pub struct LogState<'a> {
    /// The first segment behind the snapshot; 1 without one.
    pub base: u64,
    /// What was read.
    pub segments: &'a [(u64, SegmentScan)],
    /// Up to where the marks say that it was durable.
    pub durable: Position,
}

/// Judges the segments by themselves, by each other and by the marks.
pub fn judge_log(log: LogState<'_>) -> Vec<Finding> {
    let mut findings = missing_segments(log);
    for (i, (number, scan)) in log.segments.iter().enumerate() {
        let later = &log.segments[i + 1..];
        // What a later segment, or the marks, knew of the end of this one.
        let told = later.iter().filter_map(|(_, next)| next.head.ok()).find(|head| head.number == number + 1);
        let by_marks = if log.durable.segment == *number { log.durable.offset } else { 0 };
        let told_end = told.map_or(0, |head| head.previous_end);
        let went_on = later.iter().any(|(_, next)| !next.frames.is_empty());
        judge_segment(*number, scan, &mut findings, Known { end: told_end.max(by_marks), told_end, went_on });
    }
    findings
}

/// What is known of a segment from elsewhere.
struct Known {
    /// It once reached at least to here.
    end: u64,
    /// The next segment was begun when this one ended here; 0 when there is none that tells.
    told_end: u64,
    /// Frames were written to a later segment, and so all of this one was synced.
    went_on: bool,
}

fn judge_segment(number: u64, scan: &SegmentScan, findings: &mut Vec<Finding>, known: Known) {
    match scan.head {
        Ok(_) => {}
        Err(HeadError::Torn) if scan.gaps.is_empty() && !known.went_on => findings.push(Finding::UnfinishedSegment(number)),
        Err(error) => findings.push(Finding::LostHead { segment: number, error }),
    }
    for gap in &scan.gaps {
        findings.push(judge_gap(number, scan, *gap, &known));
    }
    let reaches = scan.gaps.iter().map(|gap| gap.to).fold(scan.end(), u64::max);
    if known.end > reaches {
        let at = |offset| Position { segment: number, offset };
        let gap = Gap { from: scan.end(), to: known.end, cause: GapCause::Damaged };
        findings.push(match known.went_on {
            true => Finding::LostFrames { segment: number, gap },
            false => Finding::ShortLog { end: at(scan.end()), durable: at(known.end) },
        });
    }
}

fn judge_gap(segment: u64, scan: &SegmentScan, gap: Gap, known: &Known) -> Finding {
    let at_end = gap.from >= scan.end();
    let was_durable = known.went_on || known.end > gap.from;
    let cause = if gap.cause == GapCause::Torn { GapCause::Damaged } else { gap.cause };
    if at_end && known.went_on && known.told_end > 0 && gap.from >= known.told_end {
        Finding::NotedLoss { segment, gap }
    } else if gap.cause == GapCause::Torn && !was_durable {
        Finding::TornTail { at: Position { segment, offset: gap.from }, to: gap.to }
    } else if at_end && !known.went_on {
        Finding::LostEnd { segment, gap: Gap { cause, ..gap } }
    } else {
        Finding::LostFrames { segment, gap: Gap { cause, ..gap } }
    }
}

fn missing_segments(log: LogState<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut expected = log.base;
    for (number, _) in log.segments {
        if *number > expected {
            findings.push(Finding::MissingSegments { from: expected, to: number - 1 });
        }
        expected = number + 1;
    }
    // A first start that was cut short has no segment yet, and marks that know of none.
    let known = log.durable.segment.max(if log.base > 1 { log.base } else { 0 });
    if known >= expected {
        findings.push(Finding::MissingSegments { from: expected, to: known });
    }
    findings
}

/// Judges the marks, given whether there is a log or a snapshot beside them.
pub fn judge_marks(scan: &MarksScan, beside: Beside) -> Vec<Finding> {
    let mut findings = Vec::new();
    if scan.is_damaged() {
        findings.push(Finding::DamagedMarks);
    }
    match scan.newest() {
        None if beside == Beside::Something && scan.newer().is_none() => findings.push(Finding::LostMarks),
        None => {}
        Some((_, _, content)) => findings.extend(judge_content(content, beside)),
    }
    findings
}

/// Whether a node's disk holds a log or a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// At least one record or one snapshot.
    Something,
    /// Neither.
    Nothing,
}

fn judge_content(content: &MarksContent, beside: Beside) -> impl Iterator<Item = Finding> {
    let used = beside == Beside::Something || content.marks.is_some();
    let unsynced = used && content.policy != FsyncPolicy::Always && content.stop != Stop::Clean;
    let finished = content.marks.as_ref().and_then(|marks| marks.finished_at).map(|dot| dot.hlc);
    let known = match content.holes {
        Holes::None => None,
        Holes::AtEnd => Some(Finding::KnownLoss),
        Holes::Inside => Some(Finding::KnownHoles),
    };
    unsynced.then_some(Finding::UnsyncedStop(content.policy)).into_iter().chain(known).chain(finished.map(Finding::Finished))
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TornTail { at, to } => write!(f, "log {}: torn tail from {} to {to}", at.segment, at.offset),
            Self::UnfinishedSegment(segment) => write!(f, "log {segment}: never finished, empty"),
            Self::LostEnd { segment, gap } => write!(f, "log {segment}: {gap}, at its end"),
            Self::NotedLoss { segment, gap } => write!(f, "log {segment}: {gap}, known since an earlier start"),
            Self::LostFrames { segment, gap } => write!(f, "log {segment}: {gap}"),
            Self::LostHead { segment, error } => write!(f, "log {segment}: {error}"),
            Self::MissingSegments { from, to } if from == to => write!(f, "log {from}: missing"),
            Self::MissingSegments { from, to } => write!(f, "log {from} to {to}: missing"),
            Self::ShortLog { end, durable } => {
                write!(f, "log {}: ends at {}, was durable up to {}", end.segment, end.offset, durable.offset)
            }
            Self::LostSnapshot { segment, error } => write!(f, "snapshot {segment}: {error}"),
            Self::LostMarks => f.write_str("marks: none beside a log"),
            Self::DamagedMarks => f.write_str("marks: damaged"),
            Self::UnsyncedStop(policy) => write!(f, "marks: no clean stop under fsync policy {policy}"),
            Self::KnownLoss => f.write_str("marks: the end of the log was missing before"),
            Self::KnownHoles => f.write_str("marks: something inside the log was missing before"),
            Self::Finished(hlc) => write!(f, "marks: an fsync failed, own records above {hlc} are void"),
            Self::LostSetAside(actor) => write!(f, "set aside of {actor}: damaged"),
        }
    }
}
