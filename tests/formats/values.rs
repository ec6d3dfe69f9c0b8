//! The values that all files are made of. They are large where a number's length depends on it, and have every optional part once.

use std::{collections::BTreeMap, sync::Arc};

use causeway::{
    clock::{Dot, Hlc, Token, VersionVector},
    id::{ActorId, Epoch, Incarnation, Slot},
    placement::{Progress, Taken, Taking},
    store::{ContentType, Key, Operation, OperationId, Remembered, Value, Version, Write},
};

/// A time in 2026.
pub fn hlc(counter: u64) -> Hlc {
    Hlc(Hlc::from_millis(1_790_000_000_123).0 + counter)
}

pub fn dot(actor: u32, counter: u64) -> Dot {
    Dot { actor: ActorId(actor), hlc: hlc(counter) }
}

/// Of a generation and a number that both take two bytes.
pub fn epoch() -> Epoch {
    Epoch { generation: 130, number: 300 }
}

pub fn incarnation() -> Incarnation {
    Incarnation(0x0123_4567_89ab_cdef)
}

pub fn vector() -> VersionVector {
    [(ActorId(1), hlc(1)), (ActorId(2), Hlc(5)), (ActorId(300), hlc(70_000))].into_iter().collect()
}

pub fn token() -> Token {
    Token::from_parts(epoch(), hlc(0), [dot(1, 7), dot(4, 9), dot(70_000, 66_000)])
}

pub fn key(name: &str) -> Key {
    name.into()
}

pub fn json() -> Value {
    Value::json(r#"{"a":[1,"ü"]}"#)
}

pub fn bytes() -> Value {
    Value { content_type: ContentType::Bytes, bytes: (0..200_u8).collect::<Vec<u8>>().into() }
}

pub fn operation() -> Operation {
    Operation { id: OperationId::of(b"retry 1"), fingerprint: 0xfedc_ba98_7654_3210, existed: true, apart_from: hlc(2) }
}

pub fn remembered() -> Remembered {
    Remembered { operation: operation(), dot: dot(2, 11), seen: token() }
}

/// A put of JSON with all that it may have, a put of bytes, and a delete of a first session.
pub fn writes() -> Vec<Arc<Write>> {
    let full = Write {
        dot: dot(1, 21),
        epoch: epoch(),
        key: key("schlüssel"),
        value: Some(json()),
        past: token(),
        operation: Some(operation()),
    };
    let plain = Write { dot: dot(1, 22), key: key("b"), value: Some(bytes()), operation: None, ..full.clone() };
    let delete = Write { dot: dot(1, 23), epoch: Epoch::default(), value: None, past: Token::default(), ..plain.clone() };
    [full, plain, delete].map(Arc::new).into()
}

/// A value with its dependencies, one without, and a tombstone.
pub fn versions() -> Vec<Version> {
    let writes = writes();
    let stable = Version { dependencies: None, operation: None, ..writes[1].version() };
    vec![writes[0].version(), stable, writes[2].version()]
}

pub fn entries() -> Vec<(Key, Vec<Version>)> {
    let [full, stable, tombstone] = versions().try_into().expect("three versions");
    vec![(key("a"), vec![full, stable]), (key("ß"), vec![tombstone]), (key("empty"), Vec::new())]
}

pub fn progress() -> Progress {
    let taken = Taken { slots: 5_461, keys: 1_000_000, bytes: 1 << 33 };
    Progress {
        epoch: epoch(),
        serves: true,
        copied: Some(epoch()),
        sealed: Epoch { generation: 0, number: 2 },
        held: BTreeMap::from([(ActorId(3), hlc(4)), (ActorId(200), Hlc::ZERO)]),
        taking: Taking { told: 300, bytes_per_s: 12_345_678, moves: vec![taken, Taken::default()] },
    }
}

/// A slot whose number takes three bytes.
pub fn slot() -> Slot {
    Slot(16_383)
}
