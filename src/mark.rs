//! Marks: places that a run gets to sometimes. The simulator notes which were reached; a sweep that never gets to one of them says
//! nothing about what stands there, however many seeds pass. Without the feature `mutants` a mark is nothing and costs nothing.
//!
//! After the `sometimes` assertions of deterministic testing (FoundationDB's `TEST` macro, Antithesis).

use std::fmt;

macro_rules! marks {
    ($($mark:ident => $name:literal: $when:literal,)*) => {
        /// A place, named by what has happened there.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Mark {
            $(#[doc = $when] $mark,)*
        }

        impl Mark {
            /// All of them.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$mark),*];

            /// What it is called.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$mark => $name,)*
                }
            }

            /// What has happened when it is reached, in a sentence.
            pub const fn when(self) -> &'static str {
                match self {
                    $(Self::$mark => $when,)*
                }
            }
        }
    };
}

marks! {
    HardFold => "hard-fold": "A token had more entries than it may keep.",
    TokenAhead => "token-ahead": "A token named times further ahead than the allowed drift.",
    Waited => "waited": "A request waited for what its token depends on.",
    WaitServed => "wait-served": "What a request waited for came in time.",
    WaitedInVain => "waited-in-vain": "What a request waited for did not come, and no other replica could be asked.",
    Failover => "failover": "A request that waited in vain was passed to another replica.",
    SameOperation => "same-operation": "A retry came while the first attempt was on its way to the disk.",
    SameDelete => "same-delete": "A delete came while another of its key was on its way to the disk.",

    Held => "held": "No member of a shard could be asked, and a request was held.",
    HeldForwarded => "held-forwarded": "A held request found a member in the end.",
    ForwardTriedNext => "forward-tried-next": "A request that one member did not do was passed to the next.",
    ForwardTwice => "forward-twice": "A forward arrived a second time and was dropped.",
    WriteUnanswered => "write-unanswered": "A write that was passed on was not answered: its outcome is unknown.",
    RetryRecognised => "retry-recognised": "A retry was answered as the first attempt was.",
    TwinsJoined => "twins-joined": "Two records of one operation met and became one.",
    NameForgotten => "name-forgotten": "The name of an operation was dropped from its version.",
    TombstoneCollected => "tombstone-collected": "A tombstone was dropped.",
    ConcernMetLate => "concern-met-late": "A write waited for more replicas, and they came.",
    ConcernMissed => "concern-missed": "Too few replicas held a write in time.",

    NewerEpoch => "newer-epoch": "Something was said in an epoch that the node had not adopted.",
    ActorChanged => "actor-changed": "A node got another actor, or lost its own.",
    ImportBegun => "import-begun": "A shard began to get slots.",
    TakenBeyondCut => "taken-beyond-cut": "A taker had more of an actor than counts since that was cut off, and began again.",
    ImportBased => "import-based": "What a shard gives to another was there whole and durable.",
    Proposed => "proposed": "A change of the config was proposed.",
    CausalGap => "causal-gap": "A session had seen a write that was cut off with its actor, and was told so.",
    TailSetAside => "tail-set-aside": "Records that only a node had whose actor was cut off were set aside.",
    Evicted => "evicted": "A node was evicted, since a majority had believed it down for long.",

    PushRefused => "push-refused": "A push did not connect with what was there.",
    PushResent => "push-resent": "A push stayed unacknowledged and was sent again.",
    PulledFromThird => "pulled-from-third": "Records of one actor came from another node.",
    OwnRecordsPulled => "own-records-pulled": "A node got records of its own actor back from a peer.",
    OldIncarnation => "old-incarnation": "A message came from a process that is gone.",
    HoldoffKept => "holdoff-kept": "A message that repairs was dropped, soon after a heal.",
    OwnPause => "own-pause": "A node found that it had been paused itself.",
    DigestDiffers => "digest-differs": "Two replicas with equal vectors had different contents.",
    RangeCorrupt => "range-corrupt": "Two peers contradicted a node: it stopped serving a range.",

    TransferBegun => "transfer-begun": "The log did not reach back: slots were asked for.",
    TransferInParts => "transfer-in-parts": "A transfer took more than one part.",
    TransferAnew => "transfer-anew": "The source made another copy between two parts: all was taken over anew.",
    OldPartDropped => "old-part-dropped": "A part of a snapshot came that was asked for in an earlier try.",
    TransferGivenUp => "transfer-given-up": "A part did not come, and a transfer was given up.",
    SnapshotTriedAgain => "snapshot-tried-again": "There was no room for a snapshot of what was installed, and another was begun later.",
    TransferFinished => "transfer-finished": "What was taken over is durable and counts.",
    RangeRepaired => "range-repaired": "A corrupt range was taken over and is served again.",

    LeaseRanOut => "lease-ran-out": "A promise was held back, since the lease was not durable yet.",
    ClockAhead => "clock-ahead": "A node stopped writing, since its clock was ahead of its peers'.",
    ClockBack => "clock-back": "A node whose clock had been ahead takes writes again.",
    DiskLost => "disk-lost": "A node with an empty disk was told that it had lived before.",
    LogMayLack => "log-may-lack": "A node's log may lack its end: it takes no writes.",
    LogDamaged => "log-damaged": "A node's log lacks something in the middle.",
    OwnAskedAnew => "own-asked-anew": "All peers were asked anew for a node's lost records, since one of them may have lost them too.",
    SnapshotRemains => "snapshot-remains": "A snapshot held a record of which a damaged disk shows nothing else.",
    TornTail => "torn-tail": "The end of a log was cut off, since it was torn.",
    SnapshotRead => "snapshot-read": "A node started from a snapshot.",
    LogTruncated => "log-truncated": "A snapshot took the place of the log behind it.",
    SnapshotGivenUp => "snapshot-given-up": "A snapshot could not be made.",
    DiskFull => "disk-full": "Records found no room and were refused.",
    SegmentNotBegun => "segment-not-begun": "There was no room for another segment.",
    FsyncFailed => "fsync-failed": "A sync of the log failed.",
    MarkFailed => "mark-failed": "Marks could not be made durable.",
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(feature = "mutants")]
mod active {
    use std::{cell::RefCell, collections::BTreeSet};

    use super::Mark;

    thread_local! {
        static REACHED: RefCell<BTreeSet<Mark>> = const { RefCell::new(BTreeSet::new()) };
    }

    /// Notes on this thread that a place was reached.
    pub fn reached(mark: Mark) {
        REACHED.with_borrow_mut(|reached| reached.insert(mark));
    }

    /// What was reached on this thread since this was last asked.
    pub fn take() -> BTreeSet<Mark> {
        REACHED.take()
    }
}

#[cfg(feature = "mutants")]
pub use active::{reached, take};

/// Notes nothing, in a build without the feature `mutants`.
#[cfg(not(feature = "mutants"))]
pub const fn reached(_: Mark) {}
