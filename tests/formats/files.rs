//! What is on a node's disk: one file for each form, as codecs read and write it; and the token that clients carry.

use std::sync::Arc;

use causeway::{
    clock::{Hlc, TokenKey, TokenKeys},
    id::{ActorId, Lsn},
    store::{
        CHUNK_HEAD_BYTES, FsyncPolicy, Holes, Identity, Marks, MarksContent, MarksSlot, Position, Progress, Record, SetAside,
        Snapshot, SnapshotDecoder, SnapshotEncoder, SnapshotHead, Stop,
        log::{Fitted, FrameBuilder, Place, SEGMENT_HEAD_BYTES, SegmentHead, scan_segment, segment_name},
        scan_marks, set_aside_name, snapshot_name,
    },
};

use crate::{
    config,
    golden::{Format, same},
    values,
};

/// The segment of the kept log: a snapshot stands for those before it.
pub const SEGMENT: u64 = 7;
const SALT: u64 = 0x5a17_5a17_5a17_5a17;
/// The last record that the snapshot stands for.
const BEFORE: Lsn = Lsn(1_000);

/// Whose data it is.
pub fn identity() -> Identity {
    Identity { cluster: config::founded().cluster(), node: "10.10.0.1:8090".to_owned() }
}

pub fn formats() -> Vec<Format> {
    let token = || TokenKeys::new(TokenKey { id: 3, secret: *b"sixteen letters!" }, Vec::new()).of_cluster(identity().cluster);
    let read_token = move |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        same(&token().open(text).map_err(|error| error.to_string())?, &values::token())
    };
    vec![
        Format { name: segment_name(SEGMENT), written: log(), read: Box::new(read_log) },
        Format { name: snapshot_name(SEGMENT), written: snapshot_file(), read: Box::new(read_snapshot) },
        marks_format("marks", marks()),
        marks_format("marks-of-a-node-in-trouble", marks_in_trouble()),
        Format { name: set_aside_name(ActorId(3)), written: set_aside().encode(), read: Box::new(read_set_aside) },
        Format { name: "token.txt".to_owned(), written: token().seal(&values::token()).into(), read: Box::new(read_token) },
    ]
}

/// What the log holds, by frames.
pub fn records() -> [Vec<Record>; 2] {
    let writes = values::writes().into_iter().map(Record::Write).collect();
    [writes, vec![Record::Applied(values::vector())]]
}

fn head() -> SegmentHead {
    let (cluster, node) = (identity().cluster, identity().node_hash());
    SegmentHead { number: SEGMENT, cluster, node, salt: SALT, last: BEFORE, previous_end: 123_456 }
}

fn log() -> Vec<u8> {
    let mut bytes = head().encode();
    let mut first = BEFORE.next();
    for records in records() {
        let position = Position { segment: SEGMENT, offset: bytes.len() as u64 };
        let mut builder = FrameBuilder::default();
        assert!(records.iter().all(|record| builder.push(record) == Fitted::Yes));
        bytes.extend(builder.finish(Place { salt: SALT, position }, first, position));
        first = Lsn(first.0 + records.len() as u64);
    }
    bytes
}

fn read_log(bytes: &[u8]) -> Result<(), String> {
    let scan = scan_segment(SEGMENT, bytes);
    same(&scan.head, &Ok(head()))?;
    same(&scan.gaps, &Vec::new())?;
    let read: Vec<(u64, Vec<Record>)> =
        scan.frames.into_iter().map(|placed| (placed.frame.first.0, placed.frame.records)).collect();
    let [first, second] = records();
    let next = BEFORE.next().0;
    same(&read, &vec![(next, first.clone()), (next + first.len() as u64, second)])
}

/// What the snapshot holds.
pub fn snapshot() -> Snapshot {
    let head = SnapshotHead { applied: values::vector(), operations: vec![values::remembered()] };
    Snapshot { head, entries: values::entries() }
}

fn snapshot_file() -> Vec<u8> {
    let Snapshot { head, entries } = snapshot();
    let mut encoder = SnapshotEncoder::new(SEGMENT);
    let (first, rest) = entries.split_at(1);
    let chunks = [encoder.head(BEFORE, head), encoder.part(first), encoder.part(rest), encoder.end()];
    chunks.map(|chunk| chunk.expect("a small chunk")).concat()
}

fn read_snapshot(mut bytes: &[u8]) -> Result<(), String> {
    let mut decoder = SnapshotDecoder::new(SEGMENT);
    loop {
        let (head, rest) = bytes.split_first_chunk::<CHUNK_HEAD_BYTES>().ok_or("it ends within a chunk")?;
        let head = decoder.chunk_head(head, rest.len() as u64).map_err(|error| error.to_string())?;
        let (payload, rest) = rest.split_at(head.length());
        match decoder.payload(head, payload).map_err(|error| error.to_string())? {
            Progress::Whole => return same(&decoder.into_snapshot(), &(snapshot(), BEFORE)),
            Progress::More => bytes = rest,
        }
    }
}

/// Those that fit the kept log and snapshot.
pub fn marks() -> MarksContent {
    let marks = Marks {
        lease: values::hlc(1_000),
        applied: values::vector(),
        may_write: true,
        finished_at: None,
        config: Some(Arc::new(config::switched())),
        holds: Some(ActorId(6)),
        copied: Some(values::epoch()),
    };
    let durable = Position { segment: SEGMENT, offset: SEGMENT_HEAD_BYTES };
    MarksContent {
        identity: identity(),
        policy: FsyncPolicy::Always,
        stop: Stop::Clean,
        holes: Holes::None,
        durable,
        last: BEFORE,
        marks: Some(marks),
    }
}

fn marks_in_trouble() -> MarksContent {
    let marks = Marks { lease: Hlc(1), finished_at: Some(values::dot(1, 22)), ..Marks::default() };
    let (policy, holes) = (FsyncPolicy::Interval { ms: 300 }, Holes::Inside);
    MarksContent { policy, stop: Stop::None, holes, marks: Some(marks), ..self::marks() }
}

fn marks_format(name: &str, content: MarksContent) -> Format {
    // The file goes on with zeros: what a file lacks reads as never written.
    let written = content.encode(MarksSlot::First, 300).expect("short marks");
    let read = move |bytes: &[u8]| {
        let scan = scan_marks(bytes);
        let newest = scan.newest().ok_or_else(|| format!("{scan:?}"))?;
        same(&newest, &(MarksSlot::First, 300, &content))
    };
    Format { name: name.to_owned(), written, read: Box::new(read) }
}

/// What is kept of a former actor.
pub fn set_aside() -> SetAside {
    SetAside { actor: ActorId(3), cut: Some(values::hlc(3)), writes: values::writes(), left_out: 300 }
}

fn read_set_aside(bytes: &[u8]) -> Result<(), String> {
    same(&SetAside::decode(bytes), &Some(set_aside()))
}
