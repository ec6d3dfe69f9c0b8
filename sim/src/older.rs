//! What a node of an earlier version makes of frames: the wire types as commit 677adbe had them, frozen.
//!
//! A node that is pinned to that version runs today's code, and each frame that it sends or gets goes through these types: decoded and
//! written again. What they cannot read is dropped, as that version's driver does; what they do not know of it is gone. As long as
//! today's frames are those of then, nothing changes by it.
//!
//! On the wire a struct is its fields one behind the other, so a tuple stands for it; the names are in the file that is named beside
//! it. What members of the config log say is bytes here: its forms are held by `src/runtime/control/goldens.rs`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// `src/clock`, `src/id.rs`: generation and number.
type Epoch = (u32, u32);
type Hlc = u64;
/// Actor and hlc.
type Dot = (u32, Hlc);
/// By actor.
type Vector = Vec<(u32, Hlc)>;
/// Epoch, floor, entries.
type Token = (Epoch, Hlc, Vector);
type Ranges = Vec<(u16, u16)>;

/// `src/store/version.rs`.
type Value = (ContentType, Bytes);
/// Dot, value, dependencies, operation.
type Version = (Dot, Option<Value>, Option<Token>, Option<Operation>);
type Entries = Vec<(String, Vec<Version>)>;

/// `src/store/record.rs`: id, fingerprint, existed, apart from.
type Operation = (u128, u64, bool, Hlc);
/// Operation, dot, seen.
type Remembered = (Operation, Dot, Token);
/// Dot, epoch, key, value, past, operation.
type Write = (Dot, Epoch, String, Option<Value>, Token, Option<Operation>);

/// `src/message.rs`: number, start, writes, promise, epoch.
type Push = (u64, Hlc, Vec<Write>, Hlc, Epoch);
/// Vector, need, own.
type Pull = (Vector, Hlc, bool);
/// Actor, start, writes, up to, epoch.
type Run = (u32, Hlc, Vec<Write>, Hlc, Epoch);
/// Asker, runs, cut, more, serves.
type PullAnswer = (u64, Vec<Run>, bool, bool, bool);
/// Copy, from, until, vector, copied, entries, operations.
type SnapshotPart = (u64, u16, u16, Vector, Option<Epoch>, Entries, Vec<Remembered>);
/// Wall time, heartbeats, reports, stable, down, progress.
type Gossip = (u64, Vec<(u32, Heartbeat)>, Vec<(u32, Report)>, Hlc, Vec<(u32, u64)>, Vec<(u32, Progress)>);
/// Beat, takes writes, serves.
type Heartbeat = (u64, bool, bool);
/// Least, wrote, epoch.
type Report = (Hlc, Hlc, Epoch);
/// Number, hops, patience, request.
type Forward = (u64, u8, u64, Request);

/// `src/placement/next.rs`: epoch, serves, copied, sealed, held, taking.
type Progress = (Epoch, bool, Option<Epoch>, Epoch, Vector, Taking);
/// `src/placement/taking.rs`: told, bytes a second, moves (slots, keys, bytes).
type Taking = (u64, u64, Vec<(u16, u64, u64)>);

/// `src/placement/config.rs`: epoch, parent, cluster, shards, members, actors, next actor, owners, migration, goal, cuts.
type Config =
    (Epoch, Option<Epoch>, u64, u16, Vec<Member>, Vec<(u32, Actor)>, u32, Ranges, Option<Migration>, Option<u16>, Vector);
/// Node, address, disk, actor, home, removed.
type Member = (u32, String, u32, Option<u32>, Option<u16>, bool);
/// Actor, node, shard, unbroken since, holds base, standing.
type Actor = (u32, u32, u16, u32, bool, Standing);
/// `src/placement/migration.rs`: begun, switched, moves (from, to, slots, former, cuts).
type Migration = (Epoch, Option<Epoch>, Vec<(u16, u16, Ranges, Vec<u32>, Vector)>);

/// `src/request.rs`: key, token, command.
type KeyRequest = (String, Token, Command);
/// Shard, token, outcome, has gap.
type KeyAnswer = (u16, Token, Outcome, bool);

#[derive(Serialize, Deserialize)]
enum Frame {
    /// Epoch, incarnation, message.
    Node(Epoch, u64, Message),
    ConfigLog(Bytes),
}

#[derive(Serialize, Deserialize)]
enum Message {
    Push(Push),
    PushAck(u64, Hlc),
    Pull(Pull),
    PullAnswer(PullAnswer),
    SnapshotRequest(u64, u16, u16),
    SnapshotPart(SnapshotPart),
    DigestRequest(u16),
    Digest(u16, Vector, u64),
    Gossip(Gossip),
    Forward(Forward),
    ForwardReply(u64, u64, Result<Answer, Refusal>),
    ConfigRequest,
    Config(Box<Config>),
    FoundingQuery,
    FoundingReply(bool, bool, Hlc),
}

#[derive(Serialize, Deserialize)]
enum ContentType {
    Json,
    Bytes,
}

#[derive(Serialize, Deserialize)]
enum Standing {
    Serving,
    Leaving(Epoch),
    Frozen(Epoch),
    Cut(Hlc, Epoch),
}

#[derive(Serialize, Deserialize)]
enum Request {
    Key(KeyRequest),
    CountKeys(u16),
    SizesMoving(u16),
    Admin(AdminCommand),
}

#[derive(Serialize, Deserialize)]
enum AdminCommand {
    AddNode(String),
    RemoveNode(String),
    AddMember(String, u16),
    Reshard(u16),
    AbortReshard,
}

#[derive(Serialize, Deserialize)]
enum Command {
    Get,
    /// Value, operation, write concern.
    Write(Option<Value>, Option<u128>, u8),
}

#[derive(Serialize, Deserialize)]
enum Answer {
    Key(KeyAnswer),
    Count(u64),
    /// Of a shard: keys, tombstones, bytes.
    Sizes(Vec<(u16, (u64, u64, u64))>),
    Changed,
    AlreadySo,
}

#[derive(Serialize, Deserialize)]
enum Outcome {
    Found(Value),
    Absent,
    Created,
    Replaced,
    Deleted,
}

/// `src/error.rs`.
#[derive(Serialize, Deserialize)]
enum Refusal {
    NotSatisfied,
    CannotForward,
    OutcomeUnknown,
    DiskFull,
    MemoryFull,
    OperationReused,
    Starting,
    NoWriter,
    Overloaded,
    WriteConcernTooLarge,
    NoSuchShard,
    NoSuchNode,
    NotEnoughNodes,
    LastReplica,
    NoMajority,
    Stopping,
    NoReshard,
    HandedOver,
    Overruled,
}

/// A frame as the earlier version reads and would write it; `None` where it cannot read it.
pub fn as_read(frame: &[u8]) -> Option<Bytes> {
    let read: Frame = postcard::from_bytes(frame).ok()?;
    postcard::to_allocvec(&read).ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use causeway::runtime::tokio::{FrameDecoder, PAYLOAD_BYTES_CAP};

    use super::*;

    /// Every frame between nodes that the earlier version itself wrote.
    fn kept() -> Vec<(String, Bytes)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/formats/golden/677adbe");
        let mut frames = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let is_of_nodes = !["greeting", "verdict", "introduction"].iter().any(|start| name.starts_with(start));
            if name.ends_with(".frames") && is_of_nodes {
                let mut decoder = FrameDecoder::new(PAYLOAD_BYTES_CAP);
                decoder.buffer().extend_from_slice(&fs::read(&path).unwrap());
                while let Some(frame) = decoder.next_frame().unwrap() {
                    frames.push((name.clone(), frame));
                }
            }
        }
        frames
    }

    #[test]
    fn what_the_earlier_version_wrote_is_read_as_it_is() {
        let frames = kept();
        assert!(frames.len() > 80, "{}", frames.len());
        for (name, frame) in frames {
            assert_eq!(as_read(&frame).as_ref(), Some(&frame), "{name}");
        }
    }

    #[test]
    fn what_it_does_not_know_is_not_read_or_is_gone() {
        for (name, frame) in kept() {
            let longer = [frame.as_ref(), &[7]].concat();
            assert_eq!(as_read(&longer).as_ref(), Some(&frame), "{name} with a field more");
            assert_eq!(as_read(&frame[..frame.len() - 1]), None, "{name} with a byte less");
        }
        assert_eq!(as_read(&[2]), None, "another kind of frame");
        let first_unknown_message = 15;
        assert_eq!(as_read(&[0, 0, 1, 9, first_unknown_message, 0]), None);
    }
}
