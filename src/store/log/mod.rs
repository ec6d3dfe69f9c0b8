//! The log's form on disk: segments of frames.
//!
//! ```text
//! log-0000000007   = head, head again (a sector each), frame, frame, ...
//! frame            = magic | length | count | first lsn | known durable | payload CRC | head CRC | end mark | payload | end mark
//! payload          = count records, postcard, one behind the other
//! ```
//!
//! One frame is one group commit and the unit of truth: it is valid as a whole or not at all. Its checksum (CRC-32C) also covers
//! what is not in it: the segment's number, the frame's offset, and a salt that was drawn when the segment was made. So a frame
//! that stands in the wrong place, or is left over from an older use of the place, is no frame; and bytes within a client's value
//! cannot pass for one. That makes it safe to search for the next frame behind a damaged one.
//!
//! **Torn or damaged?** A crash may keep any part of what was not synced, by sectors; the rest of the place then holds what was
//! there before: zeros, since a frame is only ever written behind the end of its file. Such a tail was never acknowledged and is
//! cut. Damage to a frame that was synced is another matter: it was acknowledged, and the log lacks it. Three things tell them
//! apart:
//! - a frame begins, and each half of its head ends, with bytes that are not zero: where no sector of a broken frame reads as
//!   zeros and the file does not end within it, nothing was torn;
//! - a frame says up to where the log was known durable when it was written: what is broken below that was synced;
//! - the marks file and the next segment's head say the same of a log's last frames.
//!
//! What stays in doubt is a synced last frame of which a whole sector reads as zeros while nothing was written since.

mod frame;
mod judge;
mod scan;
mod segment;

pub use frame::{FRAME_OVERHEAD_BYTES, Fitted, Frame, FrameBuilder, FrameError, MAX_FRAME_BYTES};
pub use judge::{Beside, Finding, LogState, judge_log, judge_marks};
pub use scan::{Gap, GapCause, PlacedFrame, SegmentScan, scan_segment};
pub use segment::{HeadError, Place, Position, SEGMENT_HEAD_BYTES, SegmentHead, segment_name, segment_number};

/// The unit in which a disk keeps or loses a write.
pub const SECTOR_BYTES: usize = 512;
