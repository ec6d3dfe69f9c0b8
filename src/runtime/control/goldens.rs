//! What members of the control log say and keep, byte for byte as earlier commits wrote it: see `tests/formats`. Much of it is
//! openraft's, whose own version is pinned for this.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::BytesMut;
use openraft::{
    EmptyNode, EntryPayload, Membership, StoredMembership,
    raft::{AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse},
};

use super::{
    decided::{OperationId, Outcome, Proposal},
    file::goldens as kept,
    founding::{Ballot, Founding, Promise},
    machine::Machine,
    member::{Group, MemberId},
    types::{Command, Entry, LogId, SnapshotMeta, Types, Vote},
    wire::{Answer, Ask, Body, Envelope, Pieces, to_frames},
};
use crate::{
    clock::Hlc,
    id::{ActorId, Epoch, NodeId, ShardId},
    message::Frame,
    placement::{Change, Config, Departure, Refused},
    runtime::tokio::{FrameDecoder, PAYLOAD_BYTES_CAP, encode_frame},
};

/// As in `tests/formats/golden.rs`.
const KEPT: [&str; 1] = ["677adbe"];
const NEW: &str = "new";

fn folder(commit: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/golden").join(commit)
}

fn config() -> Config {
    let view = (1..=3).map(|node| format!("10.10.0.{node}:8090")).collect();
    Config::found(&crate::placement::Founding { view, shard_count: 1 }).expect("three nodes, one shard")
}

fn member(node: u32) -> MemberId {
    MemberId { node: NodeId(node), disk: 0xfedc_ba98 }
}

pub(super) fn group() -> Group {
    Group { generation: 300, nonce: 0x0123_4567_89ab_cdef }
}

pub(super) fn vote() -> Vote<Config> {
    Vote::<Config>::new_committed(300, member(1).number())
}

pub(super) fn log_id(index: u64) -> LogId<Config> {
    LogId::<Config>::new(openraft::vote::leader_id_std::CommittedLeaderId::new(300), index)
}

fn membership() -> Membership<u64, EmptyNode> {
    let voters = BTreeSet::from([member(0).number(), member(1).number()]);
    let learners = BTreeMap::from([(member(2).number(), EmptyNode {})]);
    let mut nodes: BTreeMap<u64, EmptyNode> = voters.iter().map(|voter| (*voter, EmptyNode {})).collect();
    nodes.extend(learners);
    Membership::new(vec![voters.clone(), BTreeSet::from([member(1).number()])], nodes).expect("every voter is a node")
}

pub(super) fn machine() -> Machine<Config> {
    let mut machine = Machine::founded(config());
    machine.apply(&Command::Propose(proposal(Change::Evict { node: NodeId(2) })));
    machine.regenerate(300);
    machine
}

pub(super) fn meta() -> SnapshotMeta<Config> {
    let last_membership = StoredMembership::new(Some(log_id(5)), membership());
    openraft::SnapshotMeta { last_log_id: Some(log_id(70_000)), last_membership }
}

fn proposal(change: Change) -> Proposal<Change> {
    Proposal { operation: OperationId(u128::MAX - 5), expected: config().epoch(), change }
}

/// Every change that a proposal may be for.
fn changes() -> Vec<Change> {
    let (node, actor) = (NodeId(300), ActorId(70_000));
    vec![
        Change::Introduce { address: "node-7.example:65535".to_owned() },
        Change::Replace { node },
        Change::Remove { node, how: Departure::Drain },
        Change::Remove { node, how: Departure::Cut },
        Change::Evict { node },
        Change::Join { node, shard: ShardId(300) },
        Change::HasBase { actor },
        Change::Leave { node },
        Change::Cut { actor, upto: Hlc(1 << 60), beyond: BTreeMap::from([(ShardId(2), Hlc(1 << 61))]) },
        Change::Retire { actor },
        Change::Reshard { shards: 300, gone: vec![NodeId(0), node] },
        Change::Begin,
        Change::Switch,
        Change::Finish,
        Change::Abort,
        Change::Reached,
    ]
}

/// A log with every kind of entry.
pub(super) fn entries() -> Vec<Entry<Config>> {
    let mut payloads = vec![EntryPayload::Blank, EntryPayload::Membership(membership())];
    payloads.push(EntryPayload::Normal(Command::Found(Arc::new(machine()))));
    payloads.extend(changes().into_iter().map(|change| EntryPayload::Normal(Command::Propose(proposal(change)))));
    (70_001..).zip(payloads).map(|(index, payload)| Entry::<Config> { log_id: log_id(index), payload }).collect()
}

pub(super) fn founding() -> Founding<Config> {
    Founding { group: group(), machine: Arc::new(machine()), voters: BTreeSet::from([member(0), member(2)]) }
}

fn asks() -> Vec<(&'static str, Vec<Ask<Config>>)> {
    let append = |prev_log_id, entries, leader_commit| {
        Ask::Append(AppendEntriesRequest { vote: vote(), prev_log_id, entries, leader_commit })
    };
    let ask_vote =
        |last_log_id, leadership_transfer| VoteRequest::<Types<Config>> { vote: vote(), last_log_id, leadership_transfer };
    let ballot = Ballot { round: 300, node: 2 };
    vec![
        ("append", vec![append(Some(log_id(70_000)), entries(), Some(log_id(5))), append(None, Vec::new(), None)]),
        ("vote", vec![Ask::Vote(ask_vote(Some(log_id(70_000)), true))]),
        ("pre-vote", vec![Ask::PreVote(ask_vote(None, false))]),
        ("snapshot", vec![Ask::Snapshot(vote(), meta(), Arc::new(machine()))]),
        ("propose", changes().into_iter().map(|change| Ask::Propose(proposal(change))).collect()),
        ("found", vec![Ask::Found(Arc::new(machine()))]),
        ("hello", vec![Ask::Hello]),
        ("prepare", vec![Ask::Prepare(ballot)]),
        ("accept", vec![Ask::Accept(ballot, founding())]),
        ("settled", vec![Ask::Settled(founding())]),
    ]
}

fn answers() -> Vec<(&'static str, Vec<Answer<Config>>)> {
    let appended = [
        AppendEntriesResponse::Success,
        AppendEntriesResponse::PartialSuccess(Some(log_id(70_000))),
        AppendEntriesResponse::Conflict,
        AppendEntriesResponse::HigherVote(vote()),
    ];
    let refused = [
        Refused::NoSuchNode,
        Refused::NoSuchActor,
        Refused::NoSuchShard,
        Refused::Already,
        Refused::HasSeat,
        Refused::NoSeat,
        Refused::LastReplica,
        Refused::OthersLackBase,
        Refused::Busy,
        Refused::NotAtThatStage,
        Refused::ShardCount,
        Refused::UsedUp,
    ];
    let epoch = Epoch { generation: 1, number: 300 };
    let outcomes = [Outcome::Made(epoch), Outcome::Conflict(epoch)].into_iter().chain(refused.map(Outcome::Refused));
    let ballot = Ballot { round: 300, node: 2 };
    let promises =
        [Promise::Promised(Some((ballot, founding()))), Promise::Promised(None), Promise::Accepted, Promise::Higher(ballot)];
    vec![
        ("append", appended.map(Answer::Append).into()),
        ("vote", vec![Answer::Vote(VoteResponse { vote: vote(), vote_granted: true, last_log_id: Some(log_id(5)) })]),
        ("snapshot", vec![Answer::Snapshot(SnapshotResponse { vote: vote() })]),
        ("outcome", outcomes.map(Answer::Outcome).collect()),
        ("not-leader", vec![Answer::NotLeader]),
        ("unknown", vec![Answer::Unknown]),
        ("promise", promises.map(Answer::Promise).into()),
        ("fenced", vec![Answer::Fenced]),
    ]
}

fn envelope(body: Body<Config>) -> Envelope<Config> {
    let (group, to) = match body {
        Body::Ask(..) => (Some(group()), Some(member(2))),
        Body::Answer(..) => (None, None),
    };
    Envelope { from: member(1), group, to, body }
}

/// All that is said, by file.
fn said() -> Vec<(String, Vec<Envelope<Config>>)> {
    let asks = asks().into_iter().map(|(name, asks)| {
        (format!("control-ask-{name}.frames"), asks.into_iter().map(|ask| envelope(Body::Ask(70_000, ask))).collect())
    });
    let answers = answers().into_iter().map(|(name, answers)| {
        let answers = answers.into_iter().map(|answer| envelope(Body::Answer(70_000, answer)));
        (format!("control-answer-{name}.frames"), answers.collect())
    });
    asks.chain(answers).collect()
}

/// As it travels on a link.
fn written(said: &[Envelope<Config>]) -> Vec<u8> {
    let mut stream = BytesMut::new();
    for (number, one) in (300..).zip(said) {
        let message = postcard::to_allocvec(one).expect("a message");
        for piece in to_frames(number, &message) {
            let frame = postcard::to_allocvec(&Frame::ConfigLog(piece)).expect("a frame");
            encode_frame(&frame, &mut stream).expect("a short frame");
        }
    }
    stream.to_vec()
}

fn read(bytes: &[u8]) -> Vec<Envelope<Config>> {
    let (mut decoder, mut pieces, mut said) = (FrameDecoder::new(PAYLOAD_BYTES_CAP), Pieces::default(), Vec::new());
    decoder.buffer().extend_from_slice(bytes);
    while let Some(payload) = decoder.next_frame().expect("a whole frame") {
        let Ok(Frame::ConfigLog(frame)) = postcard::from_bytes(&payload) else { panic!("not of the config log") };
        let message = pieces.take(NodeId(1), &frame).expect("each message has one piece");
        let (one, rest) = postcard::take_from_bytes(&message).expect("a message that can be read");
        assert!(rest.is_empty(), "{} bytes are left over", rest.len());
        said.push(one);
    }
    said
}

/// What openraft's types say of themselves: not all can be compared.
fn text(value: &impl Debug) -> String {
    format!("{value:?}")
}

#[test]
fn what_was_said_is_heard_as_just_that_and_said_in_the_same_bytes() {
    for (name, said) in said() {
        for commit in KEPT {
            let Ok(bytes) = fs::read(folder(commit).join(&name)) else { panic!("{commit} has no {name}") };
            assert_eq!(text(&read(&bytes)), text(&said), "{commit}/{name}");
            assert!(Some(&commit) != KEPT.last() || written(&said) == bytes, "{name} is written otherwise than before");
        }
    }
}

#[test]
fn what_was_kept_is_read_as_just_that_and_kept_in_the_same_bytes() {
    for commit in KEPT {
        let bytes = fs::read(folder(commit).join("control-log")).expect("a kept file");
        assert_eq!(text(&kept::read::<Config>(&bytes)), text(&kept::records()), "{commit}");
        assert!(Some(&commit) != KEPT.last() || kept::written() == bytes, "the file is written otherwise than before");
    }
}

#[test]
#[ignore = "writes the files of a new folder: see tests/formats"]
fn write_a_new_folder() {
    fs::create_dir_all(folder(NEW)).expect("a place for new files");
    for (name, said) in said() {
        fs::write(folder(NEW).join(name), written(&said)).expect("room");
    }
    fs::write(folder(NEW).join("control-log"), kept::written()).expect("room");
}
