//! What goes into a node and what comes out of it: values, so that tests compare lists of them.

use std::sync::Arc;

use crate::{
    clock::Hlc,
    id::{ActorId, Epoch, Lsn, NodeId, RequestId},
    message::{Envelope, Message},
    node::{Event, Reply, Request},
    placement::{Change, Config, Refused},
    store::{Key, Marks, Record, SetAside, SnapshotHead, Version},
};

/// The time at which a node handles an input, by its own clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// Never goes back; for time limits. Microseconds since some start.
    pub monotonic_us: u64,
    /// Since the Unix epoch; may jump either way. For the hlc alone.
    pub wall_ms: u64,
}

/// Something that happened to the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A client asks.
    Request {
        /// For matching the answer.
        id: RequestId,
        /// What for.
        request: Request,
    },
    /// A peer says something.
    Message {
        /// Who.
        from: NodeId,
        /// What.
        envelope: Envelope,
    },
    /// A [`Send`](Effect::Send) certainly never left.
    NotSent {
        /// To whom it was.
        to: NodeId,
        /// What it was.
        message: Message,
    },
    /// The link to a peer broke.
    LinkDown(NodeId),
    /// The journal has done something.
    Journal(JournalEvent),
    /// The config log has this config.
    Config(Arc<Config>),
    /// What became of a proposal.
    Proposed {
        /// Which one.
        number: u64,
        /// The epoch that it made, or why it made none.
        outcome: Result<Epoch, NotChanged>,
    },
    /// The time asked for by [`deadline_us`](crate::node::Node::deadline_us) has come.
    Tick,
}

/// Something that the node wants done. In order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Say this to a peer.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        message: Message,
    },
    /// Answer a client.
    Reply {
        /// Which request.
        id: RequestId,
        /// What came of it.
        reply: Reply,
    },
    /// Have the journal do something.
    Journal(JournalCommand),
    /// The node works by this config from now on.
    Adopted(Arc<Config>),
    /// Have the config log make a change.
    Propose {
        /// For matching the outcome.
        number: u64,
        /// The epoch that the change was thought of in: in another one it is not made.
        expected: Epoch,
        /// What to change.
        change: Change,
    },
    /// Tell who listens. Never in production.
    Observe(Event),
}

/// Why a proposal made no config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotChanged {
    /// There is another config than the one expected.
    Conflict {
        /// Its epoch, which a majority of the config log has as the newest.
        current: Epoch,
    },
    /// The change does not fit the config.
    Refused(Refused),
    /// No majority of the config log answered in time: it may be made yet.
    Unknown,
}

/// What a node asks of its journal. Done in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalCommand {
    /// Append a record. Lsns rise by one.
    Append {
        /// Its place.
        lsn: Lsn,
        /// What to write.
        record: Record,
    },
    /// Rewrite the marks.
    Mark(Marks),
    /// Begin a snapshot that stands for every record appended so far.
    SnapshotBegin(SnapshotHead),
    /// More of the snapshot. At most one is under way.
    SnapshotPart(Vec<(Key, Vec<Version>)>),
    /// The snapshot is whole: make it durable, put it in place, drop the log that it stands for.
    SnapshotEnd,
    /// Keep these records in a file of their own, in place of the one of the same actor; of none, keep no file.
    SetAside(SetAside),
}

/// What a journal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalEvent {
    /// Every record up to here is durable by the fsync policy.
    Durable(Lsn),
    /// The records from `first` to `last` found no room and are certainly not in the log; the log goes on after them.
    Refused {
        /// The first of them.
        first: Lsn,
        /// The last of them.
        last: Lsn,
    },
    /// An fsync failed: the records above `durable` are in doubt, and the log takes no more.
    Failed {
        /// The last one that is durable for certain.
        durable: Lsn,
    },
    /// The marks with this lease are durable.
    Marked {
        /// Which ones.
        lease: Hlc,
    },
    /// The marks could not be made durable; they will be tried again with the next ones.
    MarkFailed,
    /// The log has grown enough since the last snapshot for a new one.
    SnapshotDue,
    /// The part is written: the next may come.
    SnapshotPartDone,
    /// The snapshot is in place.
    SnapshotDone,
    /// The snapshot was given up (full disk, failed write). The log that it would have stood for is still there.
    SnapshotGivenUp,
    /// What was to be set aside of this actor is durable.
    SetAside(ActorId),
    /// It is not, and will be tried again when asked for.
    NotSetAside(ActorId),
}
