//! Everything that a node answers a request with.

use causeway::{
    error::Refusal,
    id::ShardId,
    request::{Answer, KeyAnswer, Outcome, Reply},
    store::Size,
};

use crate::values;

/// Every refusal, in the order of their numbers on the wire.
const REFUSALS: [Refusal; 19] = [
    Refusal::NotSatisfied,
    Refusal::CannotForward,
    Refusal::OutcomeUnknown,
    Refusal::DiskFull,
    Refusal::MemoryFull,
    Refusal::OperationReused,
    Refusal::Starting,
    Refusal::NoWriter,
    Refusal::Overloaded,
    Refusal::WriteConcernTooLarge,
    Refusal::NoSuchShard,
    Refusal::NoSuchNode,
    Refusal::NotEnoughNodes,
    Refusal::LastReplica,
    Refusal::NoMajority,
    Refusal::Stopping,
    Refusal::NoReshard,
    Refusal::HandedOver,
    Refusal::Overruled,
];

/// Every answer and every refusal.
pub fn replies() -> Vec<Reply> {
    let key = |outcome| Answer::Key(KeyAnswer { shard: ShardId(300), token: values::token(), outcome, has_gap: true });
    let size = Size { keys: 1_000_000, tombstones: 300, bytes: 1 << 33 };
    let answers = [
        key(Outcome::Found(values::json())),
        key(Outcome::Found(values::bytes())),
        key(Outcome::Absent),
        key(Outcome::Created),
        key(Outcome::Replaced),
        key(Outcome::Deleted),
        Answer::Count(1 << 33),
        Answer::Sizes(vec![(ShardId(2), size), (ShardId(300), Size::default())]),
        Answer::Changed,
        Answer::AlreadySo,
    ];
    answers.into_iter().map(Ok).chain(REFUSALS.map(Err)).collect()
}
