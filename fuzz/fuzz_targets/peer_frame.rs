//! Bytes from a peer: cut into frames alike however they arrive; a damaged stream gives what came before the damage, and no more.
#![no_main]

use causeway::{
    message::Frame,
    runtime::tokio::{FrameDecoder, PAYLOAD_BYTES_CAP, encode_frame},
};
use bytes::{Bytes, BytesMut};
use causeway_fuzz::edit;
use libfuzzer_sys::fuzz_target;

/// All frames of a stream that arrives in pieces of `piece` bytes, and whether it ended well.
fn decode(stream: &[u8], piece: usize) -> (Vec<Bytes>, bool) {
    let mut decoder = FrameDecoder::new(PAYLOAD_BYTES_CAP);
    let mut frames = Vec::new();
    for piece in stream.chunks(piece) {
        decoder.buffer().extend_from_slice(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => return (frames, false),
            }
        }
    }
    (frames, decoder.finish().is_ok())
}

fuzz_target!(|bytes: &[u8]| {
    let Some((piece, bytes)) = bytes.split_first() else { return };
    let piece = usize::from(*piece) + 1;
    let (frames, _) = decode(bytes, usize::MAX);
    assert_eq!(decode(bytes, piece).0, frames);
    for frame in frames {
        // What its driver does with it: what cannot be read is passed over.
        let _ = postcard::from_bytes::<Frame>(&frame);
    }

    let (payloads, script) = bytes.split_at(bytes.len() / 2);
    let mut intact = BytesMut::new();
    let payloads: Vec<&[u8]> = payloads.chunks(piece).collect();
    for payload in &payloads {
        encode_frame(payload, &mut intact).expect("short");
    }
    assert_eq!(decode(&intact, piece), (payloads.iter().map(|payload| Bytes::copy_from_slice(payload)).collect(), true));
    let (read, ended_well) = decode(&edit(intact.to_vec(), script), piece);
    // A whole frame may be there twice, or be missing with a cut or in a copy; none is altered.
    assert!(read.iter().all(|frame| payloads.contains(&&frame[..])), "an altered frame passes");
    assert!(ended_well || read.len() <= payloads.len() + script.len() / 4);
});
