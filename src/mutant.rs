//! Planted bugs. Each is one place in the code that asks [`planted`]; the simulator turns one on for a run and shows that its
//! checkers catch it. Without the feature `mutants` the question is the constant `false` and costs nothing.
//!
//! A thread of the simulator runs one whole cluster, so the bug is chosen per thread. A process that is one node has it on all of its
//! threads.

use std::fmt;

macro_rules! mutants {
    ($($(#[$wrong:meta])* $mutant:ident => $name:literal,)*) => {
        /// A bug that can be planted, named by what is wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Mutant {
            $($(#[$wrong])* $mutant,)*
        }

        impl Mutant {
            /// All of them, in the order of the mutant table.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$mutant),*];

            /// What it is called on the command line and in plans.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$mutant => $name,)*
                }
            }
        }
    };
}

mutants! {
    /// A read answers without asking whether what the token names is applied.
    ReadWithoutCheck => "read-without-check",
    /// A write's dependencies are its own dot only; the rest of the session's token is dropped.
    TokenKeepsOnlyTheDot => "token-keeps-only-the-dot",
    /// A hard fold drops entries and leaves the floor where it was.
    FoldKeepsFloor => "fold-keeps-floor",
    /// A token is accepted whatever its MAC.
    MacNotChecked => "mac-not-checked",
    /// A forwarded request carries no token.
    ForwardDropsToken => "forward-drops-token",
    /// A write's answer carries the token that came in, without the new dot.
    AnswerWithoutDot => "answer-without-dot",
    /// A read that finds a tombstone answers as if the key had never been written: its token does not stand for the delete.
    TombstoneReadForgotten => "tombstone-read-forgotten",

    /// A write's hlc is above what its replica has seen, and not above what its session has seen.
    HlcIgnoresToken => "hlc-ignores-token",
    /// After a restart the hlc starts from the last record in the log, not from the lease.
    RestartWithoutLease => "restart-without-lease",
    /// A promise goes beyond the lease that is durable: it is given out while a longer one is still on its way to the disk.
    LeaseAfterUse => "lease-after-use",
    /// A node that says that it takes no writes, since its clock is ahead, takes them.
    ClockAheadWrites => "clock-ahead-writes",

    /// A heartbeat promises the current hlc although records below it were not sent yet.
    PromiseAheadOfData => "promise-ahead-of-data",
    /// A promise passes over an own write that is on its way to the disk.
    PromiseOverPending => "promise-over-pending",
    /// A push is accepted although records before it are missing.
    GapAccepted => "gap-accepted",
    /// A push goes on behind the last push, not behind what was acknowledged.
    PushSkipsUnacknowledged => "push-skips-unacknowledged",
    /// The first record of a run is left out of the answer to a pull.
    PullSkipsRecord => "pull-skips-record",
    /// The answer to a pull promises what was received, although it is not applied and so not in the answer.
    PullPromisesReceived => "pull-promises-received",
    /// The log is believed to reach back over records that came with a transfer, and are not in it.
    LogReachesTooFar => "log-reaches-too-far",
    /// Of its own records a node whose log was damaged counts only what its peers have, not what its log still shows.
    OwnRemainsForgotten => "own-remains-forgotten",
    /// Of the records that only the snapshot of a damaged disk shows nothing is known.
    SnapshotRemainsForgotten => "snapshot-remains-forgotten",
    /// What a peer has said of the own records of a node that lost them counts for ever, whatever it has got since.
    OwnAskedOnce => "own-asked-once",
    /// Who lost its disk promises again when the first peer has told what it has, not when all have.
    WipedPromisesEarly => "wiped-promises-early",
    /// Who lost its disk takes any other actor that a config gives it for one that was never used.
    ActorReusedAfterWipe => "actor-reused-after-wipe",
    /// Records at or below the vector are applied again.
    ReapplyBelowVector => "reapply-below-vector",

    /// What is taken over counts up to the vector of the last part, not of the first.
    TransferKeepsLastVector => "transfer-keeps-last-vector",
    /// A transfer replaces what is here, also what its source has not heard of.
    TransferDropsOwn => "transfer-drops-own",
    /// A transfer keeps versions that its source has seen superseded and collected.
    TransferWithoutAuthority => "transfer-without-authority",
    /// Who is too far behind for any log does not ask for a transfer.
    CutNotTransferred => "cut-not-transferred",
    /// A transfer goes on for ever after the snapshot that was to make it durable was given up.
    SnapshotNotTriedAgain => "snapshot-not-tried-again",

    /// A write is answered before its record is durable.
    AnswerBeforeFsync => "answer-before-fsync",
    /// Recovery drops the last records of the log.
    RecoveryDropsTail => "recovery-drops-tail",
    /// Recovery believes a frame whatever its checksum.
    TornTailKept => "torn-tail-kept",
    /// Recovery writes the end of the log again, but not the size of its last segment.
    SegmentSizeForgotten => "segment-size-forgotten",
    /// A snapshot is read before the records that it stands for are applied.
    SnapshotBeforeApplied => "snapshot-before-applied",

    /// The version that arrives last wins, whatever its order.
    LastArrivalWins => "last-arrival-wins",
    /// Of two versions with one hlc the one that arrives last wins, whatever its actor.
    TieByArrival => "tie-by-arrival",
    /// A tombstone is collected as soon as it is the newest version.
    TombstoneCollectedEarly => "tombstone-collected-early",
    /// A delete removes the key and leaves no tombstone.
    DeleteWithoutTombstone => "delete-without-tombstone",

    /// The stable time counts what a replica has of its own actor, and nothing of the others of its shard.
    StableCountsOnlyItself => "stable-counts-only-itself",
    /// The stable time is the least report that has come, although some actors have not reported.
    StableWithoutSilent => "stable-without-silent",

    /// A retry with a known idempotency key is applied as a new write.
    RetryAppliedTwice => "retry-applied-twice",
    /// The name of an operation is forgotten once its first record is stable, although a second may be on its way.
    NameForgottenEarly => "name-forgotten-early",
    /// A forward that arrives twice is taken twice.
    ForwardTakenTwice => "forward-taken-twice",
    /// An answer to the process that ran here before is taken for an answer to this one.
    ReplyToAnotherProcess => "reply-to-another-process",
    /// A write that a member did not answer is tried at another.
    WriteTriedTwice => "write-tried-twice",
    /// A write that too few replicas hold in time is refused as if it had not been applied.
    RefusedAfterApplied => "refused-after-applied",
    /// A replica acknowledges records when they arrive, not when they are durable.
    AckBeforeDurable => "ack-before-durable",
    /// A write concern counts the replica that took the write twice.
    ConcernCountsItself => "concern-counts-itself",

    /// A peer that was suspected once is not trusted again.
    NeverTrustedAgain => "never-trusted-again",

    /// What is said in a newer epoch is heard as if it were said in this one.
    PeerEpochIgnored => "peer-epoch-ignored",
    /// A token of a newer epoch is served by the config that is there.
    TokenEpochIgnored => "token-epoch-ignored",
    /// An actor that is to leave its shard goes on writing.
    LeaverWrites => "leaver-writes",
    /// What the former owner's actors still wrote is not waited for.
    FormerWritersIgnored => "former-writers-ignored",
    /// Tombstones are collected while their slots move.
    CollectedWhileMoving => "collected-while-moving",
    /// The stable time counts reports of older epochs.
    ReportsOfAnyEpoch => "reports-of-any-epoch",
    /// A config is adopted although the node works by a newer one.
    OlderConfigAdopted => "older-config-adopted",
    /// Slots of several shards count as taken over once one of the shards has given its own.
    ImportCountsEarly => "import-counts-early",
    /// A move is finished without waiting for what the former owner's actors still wrote.
    FinishBeforeSealed => "finish-before-sealed",
    /// A move is finished although a replica that leaves has not taken over what its shard got.
    FinishWithoutLeavers => "finish-without-leavers",
    /// The emptiest shards get the larger shares.
    MoveNotMinimal => "move-not-minimal",
    /// What only a node had whose actor was cut off is forgotten.
    EvictedTailDropped => "evicted-tail-dropped",
    /// What only a node had of another actor, which was cut off before its own, is forgotten.
    OthersTailsDropped => "others-tails-dropped",
    /// A node is evicted when a single other has believed it down for long.
    EvictedByOne => "evicted-by-one",
    /// An actor that was cut off is never retired.
    CutActorKept => "cut-actor-kept",
    /// What is taken over counts although it has more of an actor than its cut.
    TransferAboveCut => "transfer-above-cut",
    /// A transfer waits for a snapshot on a disk on which a sync has failed.
    TransferWaitsForFailedDisk => "transfer-waits-for-failed-disk",
    /// An actor is cut off at the least that anybody has of it.
    CutAtTheLeast => "cut-at-the-least",
    /// What a taker alone has of an actor that was cut off is not given to the other takers.
    CutNotPassedOn => "cut-not-passed-on",
    /// The last replica that holds its shard's contents may go while another waits for them.
    LastBaseRemoved => "last-base-removed",
    /// Records of slots that are to come are pulled without their base.
    ImportWithoutBase => "import-without-base",
    /// An actor says that it has handed slots over while a write is on its way to its disk.
    SealOverPending => "seal-over-pending",
    /// A reshard can be called off after its slots were handed over.
    AbortAfterSwitch => "abort-after-switch",
    /// A request claims a change that somebody else made before its own proposal.
    ConflictClaimed => "conflict-claimed",
    /// A backup holds what is there when it is asked for.
    BackupOfNow => "backup-of-now",
    /// A backup is given while writes up to its time may still come.
    BackupTooEarly => "backup-too-early",
    /// Who comes back to a shard goes on with the replica that it left there.
    OldReplicaKept => "old-replica-kept",
    /// What was asked for comes in a kind of message that no earlier version knows, whoever asked.
    MessageOfANewKind => "message-of-a-new-kind",
}

/// No planted bug has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no planted bug is called `{0}`")]
pub struct NoSuchMutant(String);

impl std::str::FromStr for Mutant {
    type Err = NoSuchMutant;

    /// Accepts exactly what `Display` writes.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|mutant| mutant.name() == text);
        named.ok_or_else(|| NoSuchMutant(text.to_owned()))
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(feature = "mutants")]
mod active {
    use std::{cell::Cell, sync::OnceLock};

    use super::Mutant;

    thread_local! {
        static ACTIVE: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    static EVERYWHERE: OnceLock<Mutant> = OnceLock::new();

    /// Plants a bug in everything that runs in this process, for good. Only the first one counts.
    pub fn plant_everywhere(mutant: Mutant) {
        EVERYWHERE.get_or_init(|| mutant);
    }

    /// Plants a bug in everything that runs on this thread from now on, or removes it.
    pub fn plant(mutant: Option<Mutant>) {
        ACTIVE.set(mutant);
    }

    /// Whether this bug is planted on this thread, or everywhere.
    pub fn planted(mutant: Mutant) -> bool {
        ACTIVE.get() == Some(mutant) || EVERYWHERE.get() == Some(&mutant)
    }
}

#[cfg(feature = "mutants")]
pub use active::{plant, plant_everywhere, planted};

/// Whether this bug is planted: never, in a build without the feature `mutants`.
#[cfg(not(feature = "mutants"))]
pub const fn planted(_: Mutant) -> bool {
    false
}
