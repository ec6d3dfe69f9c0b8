//! One file for each kind of message between nodes: frames as they travel on a link, one behind the other.

use std::{collections::BTreeSet, sync::Arc};

use bytes::{Bytes, BytesMut};
use causeway::{
    clock::Hlc,
    id::{ActorId, Incarnation, NodeId, ShardId},
    message::{Envelope, Forward, Frame, Gossip, Heartbeat, Message, Pull, PullAnswer, Push, Report, Run, SnapshotPart},
    placement::Progress,
    request::{AdminCommand, Command, KeyRequest, Request},
    runtime::tokio::{FrameDecoder, PAYLOAD_BYTES_CAP, encode_frame},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    config,
    golden::{Format, same},
    replies, values,
};

/// A file of frames, each holding one of these values.
pub fn stream<T>(name: &str, said: Vec<T>) -> Format
where
    T: Serialize + DeserializeOwned + std::fmt::Debug + PartialEq + 'static,
{
    let mut written = BytesMut::new();
    for one in &said {
        encode_frame(&postcard::to_allocvec(one).expect("a value that can be written"), &mut written).expect("a short frame");
    }
    let read = move |bytes: &[u8]| same(&read_stream::<T>(bytes)?, &said);
    Format { name: format!("{name}.frames"), written: written.to_vec(), read: Box::new(read) }
}

fn read_stream<T: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<T>, String> {
    let mut decoder = FrameDecoder::new(PAYLOAD_BYTES_CAP);
    decoder.buffer().extend_from_slice(bytes);
    let mut said = Vec::new();
    while let Some(payload) = decoder.next_frame().map_err(|error| error.to_string())? {
        let (one, rest) = postcard::take_from_bytes(&payload).map_err(|error| error.to_string())?;
        if !rest.is_empty() {
            return Err(format!("{} bytes are left over", rest.len()));
        }
        said.push(one);
    }
    decoder.finish().map_err(|error| error.to_string())?;
    Ok(said)
}

pub fn formats() -> Vec<Format> {
    let mut formats: Vec<Format> =
        messages().into_iter().map(|(name, said)| stream(name, said.into_iter().map(sent).collect())).collect();
    formats.push(stream("config-log", vec![Frame::ConfigLog(Bytes::from_static(b"what the config log says"))]));
    formats
}

fn sent(message: Message) -> Frame {
    Frame::Node(Envelope { epoch: values::epoch(), incarnation: values::incarnation(), message })
}

/// Every kind of message. The names are those of the files.
fn messages() -> Vec<(&'static str, Vec<Message>)> {
    vec![
        (
            "push",
            vec![
                push(),
                Message::Push(Push {
                    number: 0,
                    start: Hlc::ZERO,
                    writes: Vec::new(),
                    promise: Hlc::ZERO,
                    epoch: values::epoch(),
                }),
            ],
        ),
        ("push-ack", vec![Message::PushAck { number: 300, applied: values::hlc(1) }]),
        ("pull", vec![pull(true), pull(false)]),
        ("pull-answer", vec![pull_answer()]),
        ("snapshot-request", vec![Message::SnapshotRequest { copy: u64::MAX, from: values::slot(), until: 16_384 }]),
        ("snapshot-part", vec![snapshot_part(), put_off()]),
        ("digest-request", vec![Message::DigestRequest { range: 300 }]),
        ("digest", vec![Message::Digest { range: 300, vector: values::vector(), hash: 0xfedc_ba98_7654_3210 }]),
        ("gossip", vec![gossip()]),
        ("forward", requests().into_iter().map(forward).collect()),
        ("forward-reply", replies::replies().into_iter().map(forward_reply).collect()),
        ("config-request", vec![Message::ConfigRequest]),
        ("config", [config::founded(), config::copying(), config::switched()].map(Arc::new).map(Message::Config).into()),
        ("founding-query", vec![Message::FoundingQuery]),
        ("founding-reply", vec![Message::FoundingReply { born_empty: true, heard: false, promised: values::hlc(5) }]),
    ]
}

fn push() -> Message {
    Message::Push(Push {
        number: 70_000,
        start: values::hlc(20),
        writes: values::writes(),
        promise: values::hlc(40),
        epoch: values::epoch(),
    })
}

fn pull(own: bool) -> Message {
    Message::Pull(Pull { vector: values::vector(), need: values::hlc(50), own })
}

fn pull_answer() -> Message {
    let run = Run {
        actor: ActorId(1),
        start: values::hlc(20),
        writes: values::writes(),
        upto: values::hlc(40),
        epoch: values::epoch(),
    };
    let nothing = Run { actor: ActorId(300), writes: Vec::new(), ..run.clone() };
    Message::PullAnswer(PullAnswer {
        asker: values::incarnation(),
        runs: vec![run, nothing],
        cut: true,
        more: false,
        serves: true,
    })
}

fn snapshot_part() -> Message {
    Message::SnapshotPart(SnapshotPart {
        copy: 7,
        from: values::slot(),
        until: 16_384,
        vector: values::vector(),
        copied: Some(values::epoch()),
        entries: values::entries(),
        operations: vec![values::remembered()],
    })
}

fn put_off() -> Message {
    let (from, vector) = (values::slot(), values::vector());
    Message::SnapshotPart(SnapshotPart {
        copy: 7,
        from,
        until: from.0,
        vector,
        copied: None,
        entries: Vec::new(),
        operations: Vec::new(),
    })
}

fn gossip() -> Message {
    let heartbeat = Heartbeat { beat: 1 << 40, takes_writes: true, serves: false };
    let report = Report { least: values::hlc(1), wrote: values::hlc(2), epoch: values::epoch() };
    Message::Gossip(Gossip {
        wall_ms: 1_790_000_000_123,
        heartbeats: vec![(NodeId(0), heartbeat), (NodeId(300), Heartbeat::default())],
        reports: vec![(ActorId(1), report), (ActorId(300), Report::default())],
        stable: values::hlc(0),
        down: vec![(NodeId(2), 70_000)],
        progress: vec![(ActorId(1), values::progress()), (ActorId(2), Progress::default())],
    })
}

fn requests() -> Vec<Request> {
    let key = |command| Request::Key(KeyRequest { key: values::key("schlüssel"), token: values::token(), command });
    let operation = Some(values::operation().id);
    vec![
        key(Command::Get),
        key(Command::Write { value: Some(values::json()), operation, write_concern: 2 }),
        key(Command::Write { value: None, operation: None, write_concern: 1 }),
        Request::CountKeys(ShardId(300)),
        Request::SizesMoving(ShardId(1)),
        Request::Admin(AdminCommand::AddNode("node-7.example:65535".to_owned())),
        Request::Admin(AdminCommand::RemoveNode("10.10.0.1:8090".to_owned())),
        Request::Admin(AdminCommand::AddMember { address: "10.10.0.1:8090".to_owned(), shard: ShardId(300) }),
        Request::Admin(AdminCommand::Reshard(300)),
        Request::Admin(AdminCommand::AbortReshard),
    ]
}

fn forward(request: Request) -> Message {
    Message::Forward(Forward { number: 70_000, hops: 2, patience_ms: 10_000, request })
}

fn forward_reply(reply: causeway::request::Reply) -> Message {
    Message::ForwardReply { number: 70_000, asker: Incarnation(9), reply }
}

/// The file that shows a kind of message. A new kind does not compile until it has one.
fn file_of(message: &Message) -> &'static str {
    match message {
        Message::Push(_) => "push",
        Message::PushAck { .. } => "push-ack",
        Message::Pull(_) => "pull",
        Message::PullAnswer(_) => "pull-answer",
        Message::SnapshotRequest { .. } => "snapshot-request",
        Message::SnapshotPart(_) => "snapshot-part",
        Message::DigestRequest { .. } => "digest-request",
        Message::Digest { .. } => "digest",
        Message::Gossip(_) => "gossip",
        Message::Forward(_) => "forward",
        Message::ForwardReply { .. } => "forward-reply",
        Message::ConfigRequest => "config-request",
        Message::Config(_) => "config",
        Message::FoundingQuery => "founding-query",
        Message::FoundingReply { .. } => "founding-reply",
    }
}

#[test]
fn each_kind_of_message_has_its_file() {
    for (name, said) in messages() {
        let files: BTreeSet<&str> = said.iter().map(file_of).collect();
        assert_eq!(files, BTreeSet::from([name]));
    }
}
