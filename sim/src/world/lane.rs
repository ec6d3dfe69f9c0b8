//! One direction between two nodes: its link, what is held on it, and the connection that carries it now.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use causeway::runtime::tokio::{FrameDecoder, FrameError, HEADER_BYTES, PAYLOAD_BYTES_CAP, encode_frame};

use super::{
    link::{Flip, Link},
    network::Parcel,
};
use crate::streams::Moment;

/// See the module.
#[derive(Default)]
pub(super) struct Lane {
    pub link: Link,
    /// Numbers what is sent at the same time.
    pub moment: Moment,
    /// When the last frame arrives, or did: the next one of a FIFO link does not arrive before it.
    pub last_arrival_us: u64,
    /// The highest number that arrived.
    pub last_number: u64,
    /// In order of their numbers.
    pub held: VecDeque<Parcel>,
    /// Counts the connections: what was on its way over an older one is lost.
    pub connection: u64,
    /// What the sender knows of a cut.
    pub cut: Cut,
    /// What the receiver makes of the connection's bytes since a damaged frame; `None` while all is well.
    decoder: Option<FrameDecoder>,
}

/// What the sender knows of a cut link.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Nothing: no frame was lost to it, or it is none.
    #[default]
    Unnoticed,
    /// A frame is unanswered, and will be given up then.
    Waiting {
        /// True time.
        until_us: u64,
    },
    /// The link broke.
    Known,
}

impl Lane {
    /// Another connection takes the place of the one that broke.
    pub fn reconnect(&mut self) {
        self.connection += 1;
        self.decoder = None;
    }

    /// Keeps something back.
    pub fn hold(&mut self, parcel: Parcel) {
        let place = self.held.partition_point(|held| held.number() <= parcel.number());
        self.held.insert(place, parcel);
    }

    /// What the receiver reads when a frame has arrived: the frame; nothing while the decoder takes it for a part of a longer one.
    ///
    /// A whole frame on a whole stream is what was sent, so no byte is spent on it. From a damaged one on, production's own codec
    /// decides.
    ///
    /// # Errors
    /// The decoder refuses what it has: the receiver closes the connection.
    pub fn read(&mut self, frame: Bytes, flip: Option<Flip>) -> Result<Option<Bytes>, FrameError> {
        if flip.is_none() && self.decoder.is_none() {
            return Ok(Some(frame));
        }
        let mut stream = BytesMut::with_capacity(HEADER_BYTES + frame.len());
        encode_frame(&frame, &mut stream)?;
        if let Some(flip) = flip {
            let (byte, bit) = flip.place(stream.len());
            stream[byte] ^= 1 << bit;
        }
        let decoder = self.decoder.get_or_insert_with(|| FrameDecoder::new(PAYLOAD_BYTES_CAP));
        decoder.buffer().extend_from_slice(&stream);
        decoder.next_frame()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_is_refused_at_once() {
        for number in 0..8 * 16 {
            let mut lane = Lane::default();
            assert_eq!(lane.read(Bytes::from_static(b"one"), None), Ok(Some(Bytes::from_static(b"one"))));
            assert!(lane.read(Bytes::from_static(b"two"), Some(Flip(number))).is_err(), "bit {number}");
            lane.reconnect();
            assert_eq!(lane.read(Bytes::from_static(b"three"), None), Ok(Some(Bytes::from_static(b"three"))), "a new stream");
        }
    }
}
