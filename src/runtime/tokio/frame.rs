//! How bytes between peers are cut into frames: a codec without IO.
//!
//! ```text
//! 0        4         5        9         13
//! | length | version | header | payload | payload ...
//!   u32 LE   u8        u32 LE   u32 LE    `length` bytes
//! ```
//!
//! The checksum of the header is the CRC-32C of length and version, that of the payload is of all three. The header has one of its
//! own, or a flipped bit of a length would have the decoder wait for bytes that never come, while every later frame is swallowed
//! and the connection looks healthy. A length above the cap is refused before anything is allocated for it. A stream that once
//! held a bad frame has no next frame: there is no way to find it, so its connection is closed.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use crc32c::{crc32c, crc32c_append};
use thiserror::Error;

/// The only version that this build speaks.
pub const FRAME_VERSION: u8 = 2;

/// Bytes before a frame's payload.
pub const HEADER_BYTES: usize = 13;

/// The largest payload of a frame, both ways.
pub const PAYLOAD_BYTES_CAP: usize = 64 << 20;

/// Room that is made for a read.
const READ_BYTES: usize = 16 << 10;

/// Why bytes are no frame. The connection that they came on is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    /// The length says more than the cap. Nothing was allocated for it.
    #[error("a frame of {length} bytes is over the cap of {cap}")]
    TooLong {
        /// What the header says.
        length: usize,
        /// What is allowed here.
        cap: usize,
    },
    /// Made by a build that speaks otherwise, or not by this program at all.
    #[error("frame version {0} is not known")]
    UnknownVersion(u8),
    /// Damaged on the way.
    #[error("a frame's checksum does not fit")]
    BadChecksum,
    /// The stream ended inside a frame.
    #[error("the stream ended {got} bytes into a frame")]
    CutShort {
        /// How many bytes of the frame had come.
        got: usize,
    },
}

/// Appends a frame to what is to be written.
///
/// # Errors
/// [`FrameError::TooLong`], with nothing appended.
pub fn encode_frame(payload: &[u8], output: &mut BytesMut) -> Result<(), FrameError> {
    let length = u32::try_from(payload.len()).ok().filter(|_| payload.len() <= PAYLOAD_BYTES_CAP);
    let length = length.ok_or(FrameError::TooLong { length: payload.len(), cap: PAYLOAD_BYTES_CAP })?;
    output.reserve(HEADER_BYTES + payload.len());
    output.put_u32_le(length);
    output.put_u8(FRAME_VERSION);
    let header = header_checksum(length, FRAME_VERSION);
    output.put_u32_le(header);
    output.put_u32_le(crc32c_append(header, payload));
    output.put_slice(payload);
    Ok(())
}

/// Cuts a stream into frames.
#[derive(Debug)]
pub struct FrameDecoder {
    buffer: BytesMut,
    payload_bytes_cap: usize,
}

impl FrameDecoder {
    /// A decoder that refuses longer payloads than this.
    pub fn new(payload_bytes_cap: usize) -> Self {
        Self { buffer: BytesMut::new(), payload_bytes_cap }
    }

    /// Allows other lengths from the next frame on: a stranger's first frame is held to less than a peer's.
    pub fn set_payload_bytes_cap(&mut self, payload_bytes_cap: usize) {
        self.payload_bytes_cap = payload_bytes_cap;
    }

    /// Where the stream's next bytes are to be put: never without room, since a read into none looks like the stream's end.
    pub fn buffer(&mut self) -> &mut BytesMut {
        self.buffer.reserve(READ_BYTES);
        &mut self.buffer
    }

    /// The next whole frame's payload; `None` until more bytes have come.
    ///
    /// # Errors
    /// A frame that is refused. The decoder is of no use after that.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(mut header) = self.buffer.get(..HEADER_BYTES) else { return Ok(None) };
        let length = header.get_u32_le();
        let version = header.get_u8();
        let (expected_header, expected_payload) = (header.get_u32_le(), header.get_u32_le());
        if version != FRAME_VERSION {
            return Err(FrameError::UnknownVersion(version));
        }
        let header_checksum = header_checksum(length, version);
        if header_checksum != expected_header {
            return Err(FrameError::BadChecksum);
        }
        let payload_bytes = length as usize;
        if payload_bytes > self.payload_bytes_cap {
            return Err(FrameError::TooLong { length: payload_bytes, cap: self.payload_bytes_cap });
        }
        if self.buffer.len() < HEADER_BYTES + payload_bytes {
            return Ok(None);
        }
        self.buffer.advance(HEADER_BYTES);
        let payload = self.buffer.split_to(payload_bytes).freeze();
        if crc32c_append(header_checksum, &payload) != expected_payload {
            return Err(FrameError::BadChecksum);
        }
        Ok(Some(payload))
    }

    /// To be called where the stream ends.
    ///
    /// # Errors
    /// [`FrameError::CutShort`] where that is inside a frame.
    pub fn finish(&self) -> Result<(), FrameError> {
        match self.buffer.len() {
            0 => Ok(()),
            got => Err(FrameError::CutShort { got }),
        }
    }
}

fn header_checksum(length: u32, version: u8) -> u32 {
    crc32c_append(crc32c(&length.to_le_bytes()), &[version])
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn encoded(payloads: &[Vec<u8>]) -> Vec<u8> {
        let mut output = BytesMut::new();
        for payload in payloads {
            encode_frame(payload, &mut output).expect("a short payload");
        }
        output.to_vec()
    }

    /// Everything that a decoder makes of a stream that arrives in pieces of these sizes.
    fn decoded(stream: &[u8], piece_bytes: usize) -> (Vec<Bytes>, Result<(), FrameError>) {
        let mut decoder = FrameDecoder::new(PAYLOAD_BYTES_CAP);
        let mut frames = Vec::new();
        for piece in stream.chunks(piece_bytes.max(1)) {
            decoder.buffer().extend_from_slice(piece);
            loop {
                match decoder.next_frame() {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => break,
                    Err(error) => return (frames, Err(error)),
                }
            }
        }
        (frames, decoder.finish())
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let frame = encoded(&[b"causeway".to_vec()]);
        assert_eq!(frame[..5], [8, 0, 0, 0, FRAME_VERSION]);
        assert_eq!(frame[5..9], crc32c(&frame[..5]).to_le_bytes());
        assert_eq!(frame[9..13], crc32c(&[&frame[..5], b"causeway".as_slice()].concat()).to_le_bytes());
        assert_eq!(frame[HEADER_BYTES..], *b"causeway");
    }

    #[test]
    fn a_length_over_the_cap_is_refused_by_its_header_alone() {
        let mut decoder = FrameDecoder::new(100);
        decoder.buffer().extend_from_slice(&[101, 0, 0, 0, FRAME_VERSION]);
        decoder.buffer().put_u32_le(header_checksum(101, FRAME_VERSION));
        decoder.buffer().put_u32_le(0);
        assert_eq!(decoder.next_frame(), Err(FrameError::TooLong { length: 101, cap: 100 }));
    }

    #[test]
    fn a_flipped_bit_of_a_header_is_refused_before_the_payload_has_come() {
        let header = &encoded(&[b"causeway".to_vec()])[..HEADER_BYTES];
        for bit in 0..8 * 9 {
            let mut decoder = FrameDecoder::new(PAYLOAD_BYTES_CAP);
            decoder.buffer().extend_from_slice(header);
            decoder.buffer()[bit / 8] ^= 1 << (bit % 8);
            assert!(decoder.next_frame().is_err(), "bit {bit}");
        }
    }

    #[test]
    fn another_version_is_refused() {
        let mut stream = encoded(&[b"x".to_vec()]);
        stream[4] = 9;
        assert_eq!(decoded(&stream, 64).1, Err(FrameError::UnknownVersion(9)));
    }

    proptest! {
        #[test]
        fn frames_survive_any_cut_into_pieces(payloads in vec(vec(any::<u8>(), 0..200), 0..8), piece_bytes in 1_usize..64) {
            let (frames, end) = decoded(&encoded(&payloads), piece_bytes);
            prop_assert_eq!(frames, payloads);
            prop_assert_eq!(end, Ok(()));
        }

        #[test]
        fn a_flipped_bit_never_passes(payload in vec(any::<u8>(), 0..200), place in any::<prop::sample::Index>(), bit in 0_u32..8) {
            let mut stream = encoded(&[payload]);
            let place = place.index(stream.len());
            stream[place] ^= 1_u8 << bit;
            let (frames, end) = decoded(&stream, stream.len());
            prop_assert!(frames.is_empty());
            prop_assert!(end.is_err());
        }

        #[test]
        fn a_cut_stream_keeps_its_whole_frames_and_says_where_it_ended(
            payloads in vec(vec(any::<u8>(), 0..50), 1..5), place in any::<prop::sample::Index>()
        ) {
            let stream = encoded(&payloads);
            let (frames, end) = decoded(&stream[..place.index(stream.len())], 16);
            let whole: usize = frames.iter().map(|frame| HEADER_BYTES + frame.len()).sum();
            prop_assert_eq!(&frames[..], &payloads[..frames.len()]);
            let got = place.index(stream.len()) - whole;
            prop_assert_eq!(end, if got == 0 { Ok(()) } else { Err(FrameError::CutShort { got }) });
        }

        #[test]
        fn noise_makes_no_panic(stream in vec(any::<u8>(), 0..2_000), piece_bytes in 1_usize..64) {
            let _ = decoded(&stream, piece_bytes);
        }
    }
}
