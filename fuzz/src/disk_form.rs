//! A log segment and a snapshot as they are written.

use std::sync::Arc;

use causeway::{
    clock::{Dot, Hlc, Token, VersionVector},
    id::{ActorId, Epoch, Lsn},
    store::{
        Key, Operation, OperationId, Record, SnapshotEncoder, SnapshotHead, Value, Version, Write,
        log::{Fitted, FrameBuilder, Place, Position, SEGMENT_HEAD_BYTES, SegmentHead},
    },
};

/// How many frames the segment has, of one record, of two, and so on.
const FRAMES: u64 = 5;
const NUMBER: u64 = 7;
const SALT: u64 = 99;

/// The record of this place: each is different from all others.
fn record(place: u64) -> Record {
    if place % 5 == 4 {
        return Record::Applied([(ActorId(place as u32 % 3), Hlc(place))].into_iter().collect());
    }
    let dot = Dot { actor: ActorId(place as u32 % 3), hlc: Hlc::from_millis(1_000 + place) };
    let past = Token::from_parts(Epoch::default(), Hlc::from_millis(900), [Dot { actor: ActorId(2), hlc: Hlc::from_millis(950) }]);
    let id = OperationId::of(&place.to_le_bytes());
    let operation = (place % 3 == 0).then_some(Operation { id, fingerprint: place, existed: false, apart_from: Hlc(place) });
    let value = (place % 4 != 3).then(|| Value::json(format!("\"value {place}\"")));
    Record::Write(Arc::new(Write { dot, epoch: Epoch::default(), key: format!("key {place}").into(), value, past, operation }))
}

/// All records of the segment, in order.
pub fn records() -> Vec<Record> {
    (1..=FRAMES * (FRAMES + 1) / 2).map(record).collect()
}

/// The segment's number and the contents of its file.
pub fn segment() -> (u64, Vec<u8>) {
    let mut bytes = SegmentHead { number: NUMBER, salt: SALT, ..SegmentHead::default() }.encode();
    assert_eq!(bytes.len() as u64, SEGMENT_HEAD_BYTES);
    let mut frame = FrameBuilder::default();
    let mut first = 1;
    for count in 1..=FRAMES {
        frame.clear();
        for place in first..first + count {
            assert_eq!(frame.push(&record(place)), Fitted::Yes);
        }
        let position = |offset| Position { segment: NUMBER, offset };
        let place = Place { salt: SALT, position: position(bytes.len() as u64) };
        let written = frame.finish(place, Lsn(first), position(bytes.len() as u64)).to_vec();
        bytes.extend(written);
        first += count;
    }
    (NUMBER, bytes)
}

/// What the snapshot holds.
pub fn entries() -> Vec<(Key, Vec<Version>)> {
    let writes = records().into_iter().filter_map(|record| if let Record::Write(write) = record { Some(write) } else { None });
    writes.map(|write| (write.key.clone(), vec![write.version()])).collect()
}

/// The segment that the snapshot is named after and the contents of its file, in parts of a few keys.
pub fn snapshot() -> (u64, Vec<u8>) {
    let mut encoder = SnapshotEncoder::new(NUMBER);
    let applied: VersionVector = [(ActorId(1), Hlc::from_millis(1_010))].into_iter().collect();
    let mut bytes = encoder.head(Lsn(15), SnapshotHead { applied, operations: Vec::new() }).expect("small");
    for part in entries().chunks(4) {
        bytes.extend(encoder.part(part).expect("small"));
    }
    bytes.extend(encoder.end().expect("small"));
    (NUMBER, bytes)
}
