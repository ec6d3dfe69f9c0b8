//! No bytes whatever make a decoder panic, or believe what was not written.

use causeway::{
    clock::Hlc,
    id::Lsn,
    store::{
        CHUNK_HEAD_BYTES, MARKS_FILE_BYTES, Marks, MarksContent, MarksSlot, Position, Progress, Record, SnapshotDecoder,
        SnapshotEncoder, SnapshotHead,
        log::{Fitted, Frame, FrameBuilder, Place, SEGMENT_HEAD_BYTES, SegmentHead, scan_segment},
        scan_marks,
    },
};
use proptest::{collection::vec, prelude::*};

use super::life::record;

const PLACE: Place = Place { salt: 99, position: Position { segment: 7, offset: 1_024 } };

fn frame(places: std::ops::Range<u64>) -> Vec<u8> {
    let mut builder = FrameBuilder::default();
    let first = Lsn(places.start);
    for place in places {
        assert_eq!(builder.push(&record(place)), Fitted::Yes);
    }
    builder.finish(PLACE, first, Position::default()).to_vec()
}

fn segment(frames: &[u8]) -> Vec<u8> {
    let head = SegmentHead { number: 7, salt: PLACE.salt, ..SegmentHead::default() };
    [head.encode(), frames.to_vec()].concat()
}

fn snapshot() -> Vec<u8> {
    let mut encoder = SnapshotEncoder::new(7);
    let entries = [("a".into(), Vec::new()), ("b".into(), Vec::new())];
    let chunks = [encoder.head(Lsn(5), SnapshotHead::default()), encoder.part(&entries), encoder.end()];
    chunks.map(|chunk| chunk.expect("small")).concat()
}

/// Reads as recovery does; the number of chunks that were believed.
fn read_snapshot(mut bytes: &[u8]) -> Option<u32> {
    let mut decoder = SnapshotDecoder::new(7);
    loop {
        let (head, rest) = bytes.split_first_chunk::<CHUNK_HEAD_BYTES>()?;
        let head = decoder.chunk_head(head, rest.len() as u64).ok()?;
        let (payload, rest) = rest.split_at(head.length());
        match decoder.payload(head, payload).ok()? {
            Progress::Whole => return Some(decoder.next_chunk()),
            Progress::More => bytes = rest,
        }
    }
}

fn marks_file() -> Vec<u8> {
    let marks = |lease| Some(Marks { lease: Hlc(lease), ..Marks::default() });
    let content = |lease| MarksContent { marks: marks(lease), ..MarksContent::default() };
    let mut file = vec![0; MARKS_FILE_BYTES];
    for (slot, sequence) in [(MarksSlot::First, 1), (MarksSlot::Second, 2)] {
        let bytes = content(sequence).encode(slot, sequence).expect("small");
        let at = slot.offset() as usize;
        file[at..at + bytes.len()].copy_from_slice(&bytes);
    }
    file
}

#[test]
fn what_is_written_is_read() {
    let bytes = frame(4..9);
    let frame = Frame::decode(PLACE, &bytes).expect("whole");
    assert_eq!((frame.first, frame.last(), frame.length), (Lsn(4), Lsn(8), bytes.len() as u64));
    assert_eq!(frame.records, (4..9).map(record).collect::<Vec<_>>());
    assert_eq!(read_snapshot(&snapshot()), Some(2));
    let scan = scan_marks(&marks_file());
    assert_eq!(scan.newest().map(|(_, sequence, _)| sequence), Some(2));
}

#[test]
fn a_frame_is_valid_in_its_own_place_only() {
    let bytes = frame(1..3);
    let other_salt = Place { salt: 98, ..PLACE };
    let other_segment = Place { position: Position { segment: 8, ..PLACE.position }, ..PLACE };
    let other_offset = Place { position: Position { offset: 1_023, ..PLACE.position }, ..PLACE };
    for place in [other_salt, other_segment, other_offset] {
        assert!(Frame::decode(place, &bytes).is_err());
    }
}

#[test]
fn marks_are_valid_in_their_own_slot_only() {
    let mut file = marks_file();
    let (first, second) = file.split_at_mut(MARKS_FILE_BYTES / 2);
    second.copy_from_slice(first);
    let scan = scan_marks(&file);
    assert!(scan.is_damaged());
    assert_eq!(scan.newest().map(|(slot, sequence, _)| (slot, sequence)), Some((MarksSlot::First, 1)));
}

#[test]
fn a_value_that_looks_like_a_frame_is_not_taken_for_one() {
    // A client writes what would be a frame at the place where its value will stand; then the frame around it is damaged.
    let rubble = [0x55; 300];
    let offset = SEGMENT_HEAD_BYTES + rubble.len() as u64;
    let forged_with = |salt| {
        let mut forged = FrameBuilder::default();
        assert_eq!(forged.push(&record(1)), Fitted::Yes);
        let position = Position { segment: 7, offset };
        let frame = forged.finish(Place { salt, position }, Lsn(1), Position::default()).to_vec();
        scan_segment(7, &segment(&[&rubble[..], &frame].concat())).frames.len()
    };
    assert_eq!(forged_with(PLACE.salt), 1, "the salt is all that it lacks");
    assert_eq!(forged_with(0), 0);
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_no_frame(bytes in vec(any::<u8>(), 0..400)) {
        prop_assert!(Frame::decode(PLACE, &bytes).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_read_as_a_record_or_refused(bytes in vec(any::<u8>(), 0..400)) {
        let read: Result<(Record, &[u8]), _> = postcard::take_from_bytes(&bytes);
        if let Ok((record, rest)) = read {
            let again = postcard::to_stdvec(&record).expect("what was read can be written");
            prop_assert_eq!(postcard::from_bytes::<Record>(&again), Ok(record));
            prop_assert!(rest.len() < bytes.len());
        }
    }

    #[test]
    fn an_altered_frame_is_no_frame(at in 0usize..44, to in any::<u8>()) {
        let intact = frame(1..4);
        let mut bytes = intact.clone();
        bytes[at] = to;
        prop_assert_eq!(Frame::decode(PLACE, &bytes).is_ok(), bytes == intact);
    }

    #[test]
    fn arbitrary_bytes_behind_a_segments_head_hold_no_frame(bytes in vec(any::<u8>(), 0..2_000)) {
        let scan = scan_segment(7, &segment(&bytes));
        prop_assert!(scan.frames.is_empty());
        prop_assert_eq!(scan.gaps.len(), usize::from(!bytes.is_empty()));
    }

    #[test]
    fn arbitrary_bytes_behind_a_frame_do_not_harm_it(bytes in vec(any::<u8>(), 0..600)) {
        let scan = scan_segment(7, &segment(&[frame(1..4), bytes].concat()));
        prop_assert_eq!(scan.frames.len(), 1);
    }

    #[test]
    fn arbitrary_bytes_are_no_segment(bytes in vec(any::<u8>(), 0..2_000)) {
        prop_assert!(scan_segment(7, &bytes).head.is_err());
    }

    #[test]
    fn an_altered_snapshot_is_none(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let intact = snapshot();
        let mut bytes = intact.clone();
        let at = at.index(bytes.len());
        bytes[at] = to;
        prop_assert_eq!(read_snapshot(&bytes).is_some(), bytes == intact);
    }

    #[test]
    fn arbitrary_bytes_are_no_snapshot(bytes in vec(any::<u8>(), 0..600)) {
        prop_assert_eq!(read_snapshot(&bytes), None);
    }

    #[test]
    fn arbitrary_bytes_are_no_marks(bytes in vec(any::<u8>(), 0..4_000)) {
        prop_assert!(scan_marks(&bytes).newest().is_none());
    }

    #[test]
    fn altered_marks_are_damaged_or_unchanged(at in 0usize..512, to in any::<u8>()) {
        let intact = marks_file();
        let mut bytes = intact.clone();
        bytes[at] = to;
        prop_assert_eq!(scan_marks(&bytes).is_damaged(), bytes != intact);
    }
}
