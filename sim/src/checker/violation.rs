//! What is wrong, and the evidence.

use std::fmt;

use causeway::{clock::Dot, id::NodeId, store::Key};

use crate::history::OpId;

/// The four session guarantees, weakest name first: a violation is called by the first that it breaks.
///
/// Source: Terry, Demers, Petersen, Spreitzer, Theimer, Welch, 'Session Guarantees for Weakly Consistent Replicated Data',
/// PDIS 1994. Together, over a store with one order of writes, they are causal consistency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guarantee {
    /// A session's reads see its own writes.
    ReadYourWrites,
    /// A session's reads never go back.
    MonotonicReads,
    /// A session's writes take effect in their order.
    MonotonicWrites,
    /// A write takes effect after all that its session had read.
    WritesFollowReads,
}

/// A property that a checker judges. Each has its own file beside this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Property {
    /// A1: a session's new write has a larger stamp than all in its past.
    StampsFollowThePast(Guarantee),
    /// A2: a read returns nothing older than the newest of the key in the session's past.
    ReadsFollowThePast(Guarantee),
    /// A1, I4: no two writes have one dot.
    DotsNeverRepeat,
    /// I1: a token, in a client's hand or beside a version, stands for everything in its past.
    TokenCoversPast,
    /// I3: a token's text is bounded.
    TokenIsBounded,
    /// I5: no record appears at or below its actor's promise.
    NothingBelowAPromise,
    /// I7: what was promised as applied is applied.
    PromisesAreKept,
    /// I8: no replica applies a record twice.
    AppliedOnce,
    /// The winner of a key depends on the set of applied versions alone.
    SameSetSameState,
    /// A replica's winner of a key never goes back.
    StampsNeverGoBack,
    /// I21: a tombstone is dropped only when nothing older can turn up.
    NothingReturnsFromTheDead,
    /// What was acknowledged, or applied, is not lost.
    Durability,
    /// I10: at quiescence all replicas of a shard agree, on nothing older than what was acknowledged.
    Convergence,
    /// 'Not applied' is final, and nothing is recorded that nobody asked for.
    RefusedIsFinal,
    /// Retries of one operation at a node that knows it make no second record.
    RetriesAreRecognised,
    /// Of an operation there are no more records than requests.
    NoMoreRecordsThanRequests,
    /// Who takes no writes makes none.
    WhoTakesNoneMakesNone,
    /// An answered write is on as many disks as was asked for.
    WriteConcernIsMet,
    /// I9: up to the stable time everything is applied everywhere.
    StableIsEverywhere,
    /// Each answer is one that the contract allows.
    AnswersByContract,
    /// I16: one config an epoch, each made from the one before, and nobody goes back.
    OneConfigAnEpoch,
    /// I17: nothing of an epoch is applied or answered by a node below it.
    EpochGate,
    /// I18: an actor writes only what its shard owns, and nothing after it was sealed.
    SealedIsSealed,
    /// I19: a move is finished when all members of the new owner have everything.
    FinishedWithAll,
    /// I20: slots count as taken over once all of them is here.
    BaseFirst,
    /// I28: nobody has more of an actor than its cut.
    CutHolds,
    /// I22: a reshard moves the fewest slots and leaves all even.
    MovesAreMinimal,
    /// A node is evicted when a majority has believed it down for long.
    EvictedByMany,
    /// What only a node had whose actor was cut off is set aside.
    CutOffIsSetAside,
    /// I31: a backup holds the writes up to its time and no others.
    BackupIsACut,
    /// I24: in the end nothing is on the move and no dependencies are kept.
    NothingIsLeft,
}

/// A property that does not hold, with the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What does not hold.
    pub property: Property,
    /// What shows it, in one line.
    pub evidence: String,
    /// Whom and what it is about, for those who explain it.
    pub about: About,
}

/// Whom and what a violation is about: causes first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// Operations.
    pub operations: Vec<OpId>,
    /// Records.
    pub dots: Vec<Dot>,
    /// Nodes.
    pub nodes: Vec<NodeId>,
    /// A key.
    pub key: Option<Key>,
}

impl Violation {
    /// It is about an operation.
    pub fn of(mut self, op: OpId) -> Self {
        push_new(&mut self.about.operations, op);
        self
    }

    /// It is about a record.
    pub fn record(mut self, dot: Dot) -> Self {
        push_new(&mut self.about.dots, dot);
        self
    }

    /// It shows at a node.
    pub fn at(mut self, node: NodeId) -> Self {
        push_new(&mut self.about.nodes, node);
        self
    }

    /// It is about a key.
    pub fn on(mut self, key: &Key) -> Self {
        self.about.key = Some(key.clone());
        self
    }
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// Every checker that a planted bug has been seen to need: the files beside this one. Two are not among them, which only their own
/// tests have seen fail. What `nothing_left` would find shows as a liveness failure first; and a node that a majority hears is hardly
/// ever believed down by one that reaches the config log, which is what `evicted_by_many` looks for.
pub const CHECKERS: [&str; 24] = [
    "a1_stamps",
    "a2_reads",
    "token_covers_past",
    "promises",
    "applied_once",
    "same_set_same_state",
    "stamps_never_go_back",
    "tombstones",
    "stable_time",
    "durability",
    "write_concern",
    "convergence",
    "records_are_asked_for",
    "takes_no_writes",
    "answers",
    "one_config",
    "epoch_gate",
    "seals",
    "finish",
    "cut_holds",
    "base_first",
    "minimal_moves",
    "set_aside",
    "backup_is_a_cut",
];

impl Property {
    /// The violation of this property that the evidence shows.
    pub fn violated(self, evidence: impl Into<String>) -> Violation {
        Violation { property: self, evidence: evidence.into(), about: About::default() }
    }

    /// The name of its checker: the file beside this one.
    pub fn checker(self) -> &'static str {
        match self {
            Self::StampsFollowThePast(_) | Self::DotsNeverRepeat => "a1_stamps",
            Self::ReadsFollowThePast(_) => "a2_reads",
            Self::TokenCoversPast | Self::TokenIsBounded => "token_covers_past",
            Self::NothingBelowAPromise | Self::PromisesAreKept => "promises",
            Self::AppliedOnce => "applied_once",
            Self::SameSetSameState => "same_set_same_state",
            Self::StampsNeverGoBack => "stamps_never_go_back",
            Self::NothingReturnsFromTheDead => "tombstones",
            Self::Durability => "durability",
            Self::Convergence => "convergence",
            Self::RefusedIsFinal | Self::RetriesAreRecognised | Self::NoMoreRecordsThanRequests => "records_are_asked_for",
            Self::WhoTakesNoneMakesNone => "takes_no_writes",
            Self::WriteConcernIsMet => "write_concern",
            Self::StableIsEverywhere => "stable_time",
            Self::AnswersByContract => "answers",
            Self::OneConfigAnEpoch => "one_config",
            Self::EpochGate => "epoch_gate",
            Self::SealedIsSealed => "seals",
            Self::FinishedWithAll => "finish",
            Self::BaseFirst => "base_first",
            Self::CutHolds => "cut_holds",
            Self::MovesAreMinimal => "minimal_moves",
            Self::EvictedByMany => "evicted_by_many",
            Self::CutOffIsSetAside => "set_aside",
            Self::BackupIsACut => "backup_is_a_cut",
            Self::NothingIsLeft => "nothing_left",
        }
    }
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadYourWrites => "read-your-writes",
            Self::MonotonicReads => "monotonic reads",
            Self::MonotonicWrites => "monotonic writes",
            Self::WritesFollowReads => "writes-follow-reads (causal)",
        })
    }
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StampsFollowThePast(guarantee) => write!(f, "A1 stamps follow the past: {guarantee}"),
            Self::ReadsFollowThePast(guarantee) => write!(f, "A2 reads follow the past: {guarantee}"),
            Self::DotsNeverRepeat => f.write_str("I4 dots never repeat"),
            Self::TokenCoversPast => f.write_str("I1 tokens cover the past"),
            Self::TokenIsBounded => f.write_str("I3 tokens are bounded"),
            Self::NothingBelowAPromise => f.write_str("I5 nothing below a promise"),
            Self::PromisesAreKept => f.write_str("I7 promises are kept"),
            Self::AppliedOnce => f.write_str("I8 records are applied once"),
            Self::SameSetSameState => f.write_str("same set, same state"),
            Self::StampsNeverGoBack => f.write_str("stamps never go back"),
            Self::NothingReturnsFromTheDead => f.write_str("I21 nothing returns from the dead"),
            Self::Durability => f.write_str("durability"),
            Self::Convergence => f.write_str("I10 convergence"),
            Self::RefusedIsFinal => f.write_str("refused is final"),
            Self::RetriesAreRecognised => f.write_str("retries are recognised"),
            Self::NoMoreRecordsThanRequests => f.write_str("no more records than requests"),
            Self::WhoTakesNoneMakesNone => f.write_str("who takes no writes makes none"),
            Self::WriteConcernIsMet => f.write_str("write concern is met"),
            Self::StableIsEverywhere => f.write_str("I9 stable is everywhere"),
            Self::AnswersByContract => f.write_str("answers by contract"),
            Self::OneConfigAnEpoch => f.write_str("I16 one config an epoch"),
            Self::EpochGate => f.write_str("I17 nothing of an epoch below it"),
            Self::SealedIsSealed => f.write_str("I18 sealed is sealed"),
            Self::FinishedWithAll => f.write_str("I19 finished with all"),
            Self::BaseFirst => f.write_str("I20 base first"),
            Self::CutHolds => f.write_str("I28 a cut holds"),
            Self::MovesAreMinimal => f.write_str("I22 moves are minimal"),
            Self::EvictedByMany => f.write_str("evicted by many"),
            Self::CutOffIsSetAside => f.write_str("what is cut off is set aside"),
            Self::BackupIsACut => f.write_str("I31 a backup is a cut"),
            Self::NothingIsLeft => f.write_str("I24 nothing is left"),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]: {}", self.property, self.property.checker(), self.evidence)
    }
}
