//! Reading a whole segment, whatever its state: every frame that can be read, and every gap with its cause.

use std::fmt;

use super::{
    Frame, FrameError, HeadError, Place, Position, SECTOR_BYTES, SEGMENT_HEAD_BYTES, SegmentHead,
    frame::{FRAME_OVERHEAD_BYTES, HEAD_BYTES, MAGIC, is_head},
};

/// A frame and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedFrame {
    /// Bytes from the start of the segment's file.
    pub offset: u64,
    /// What it holds.
    pub frame: Frame,
}

impl PlacedFrame {
    /// Where the next frame begins.
    pub fn end(&self) -> u64 {
        self.offset + self.frame.length
    }
}

/// A stretch of a segment that holds no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Where it begins.
    pub from: u64,
    /// Where the next frame begins, or the file ends.
    pub to: u64,
    /// What can be said of it.
    pub cause: GapCause,
}

/// What became of a frame that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapCause {
    /// The last write was cut short by a crash: it was never acknowledged under `always`.
    Torn,
    /// Cut short by a crash too, but a later write survived: several were not synced, under a policy that allows that.
    Unsynced,
    /// It was whole and durable once.
    Damaged,
    /// It is whole, of a kind that this program does not know.
    Unknown,
}

/// All that can be read of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentScan {
    /// Its head.
    pub head: Result<SegmentHead, HeadError>,
    /// Its frames, in order.
    pub frames: Vec<PlacedFrame>,
    /// What lies between and behind them.
    pub gaps: Vec<Gap>,
}

impl SegmentScan {
    /// Where the next frame goes: behind the last one that can be read.
    pub fn end(&self) -> u64 {
        self.frames.last().map_or(SEGMENT_HEAD_BYTES, PlacedFrame::end)
    }
}

/// Reads a segment from the contents of its file.
pub fn scan_segment(number: u64, bytes: &[u8]) -> SegmentScan {
    let decoded = SegmentHead::decode(bytes);
    let head = decoded.and_then(|head| if head.number == number { Ok(head) } else { Err(HeadError::Damaged) });
    let mut scan = SegmentScan { head, frames: Vec::new(), gaps: Vec::new() };
    match head {
        Ok(head) => Scanner { salt: head.salt, number, bytes }.run(&mut scan),
        // Without the salt no frame can be told from anything else.
        Err(error) if bytes.len() as u64 > SEGMENT_HEAD_BYTES && !is_blank(&bytes[SEGMENT_HEAD_BYTES as usize..]) => {
            let cause = if matches!(error, HeadError::Newer(_)) { GapCause::Unknown } else { GapCause::Damaged };
            scan.gaps.push(Gap { from: SEGMENT_HEAD_BYTES, to: bytes.len() as u64, cause });
        }
        Err(_) => {}
    }
    scan
}

struct Scanner<'a> {
    salt: u64,
    number: u64,
    bytes: &'a [u8],
}

impl Scanner<'_> {
    fn run(&self, scan: &mut SegmentScan) {
        let mut offset = SEGMENT_HEAD_BYTES as usize;
        let mut open: Option<Gap> = None;
        while offset < self.bytes.len() {
            match Frame::decode(self.place(offset), &self.bytes[offset..]) {
                Ok(frame) => {
                    if let Some(gap) = open.take() {
                        scan.gaps.push(self.closed(gap, offset, frame.durable));
                    }
                    let next = offset + frame.length as usize;
                    scan.frames.push(PlacedFrame { offset: offset as u64, frame });
                    offset = next;
                }
                Err(error) => {
                    let cause = self.cause(offset, error);
                    let gap = open.get_or_insert(Gap { from: offset as u64, to: 0, cause });
                    if cause == GapCause::Damaged {
                        gap.cause = cause;
                    }
                    offset = self.next_head(offset, error);
                }
            }
        }
        scan.gaps.extend(open.map(|gap| Gap { to: self.bytes.len() as u64, ..gap }));
    }

    fn place(&self, offset: usize) -> Place {
        Place { salt: self.salt, position: Position { segment: self.number, offset: offset as u64 } }
    }

    /// A gap that a whole frame follows. What that frame knew durable when it was written decides.
    fn closed(&self, gap: Gap, to: usize, durable: Position) -> Gap {
        let was_durable = durable > Position { segment: self.number, offset: gap.from };
        let cause = match gap.cause {
            GapCause::Torn if was_durable => GapCause::Damaged,
            GapCause::Torn => GapCause::Unsynced,
            other => other,
        };
        Gap { to: to as u64, cause, ..gap }
    }

    fn cause(&self, offset: usize, error: FrameError) -> GapCause {
        let length = match error {
            FrameError::Head => HEAD_BYTES,
            FrameError::Payload { length } => length as usize,
            FrameError::Records { .. } => return GapCause::Unknown,
        };
        if self.lacks_a_sector(offset, offset + length) { GapCause::Torn } else { GapCause::Damaged }
    }

    /// Whether the file ends before `to`, or some sector's part of the range holds zeros only.
    fn lacks_a_sector(&self, from: usize, to: usize) -> bool {
        let Some(range) = self.bytes.get(from..to) else { return true };
        let first = (SECTOR_BYTES - from % SECTOR_BYTES).min(range.len());
        let (head, rest) = range.split_at(first);
        is_blank(head) || rest.chunks(SECTOR_BYTES).any(is_blank)
    }

    /// Where to go on behind what could not be read: the next place that holds a frame's head, or the end.
    fn next_head(&self, offset: usize, error: FrameError) -> usize {
        let from = match error {
            FrameError::Head => offset + 1,
            FrameError::Payload { length } | FrameError::Records { length } => offset + length as usize,
        };
        let last = self.bytes.len().saturating_sub(FRAME_OVERHEAD_BYTES);
        let heads = (from..=last).filter(|at| self.bytes[*at..].starts_with(&MAGIC));
        heads.into_iter().find(|at| is_head(self.place(*at), &self.bytes[*at..])).unwrap_or(self.bytes.len())
    }
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

impl fmt::Display for GapCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Torn => "torn",
            Self::Unsynced => "unsynced",
            Self::Damaged => "damaged",
            Self::Unknown => "of an unknown kind",
        })
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes {} to {} {}", self.from, self.to, self.cause)
    }
}
