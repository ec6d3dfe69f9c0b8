//! What waits to be written to one peer: bounded in frames and bytes, and closed while there is no connection.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::{Bytes, BytesMut};
use tokio::sync::Notify;

use super::frame::{HEADER_BYTES, PAYLOAD_BYTES_CAP, encode_frame};
use crate::runtime::Sent;

/// How much one write to the socket gathers, unless a single frame is larger.
const BATCH_BYTES: usize = 256 << 10;

/// How much may wait for one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueBounds {
    /// Frames.
    pub frames: usize,
    /// Bytes of their payloads. A frame larger than this never leaves.
    pub bytes: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    open: bool,
    frames: VecDeque<Bytes>,
    bytes: usize,
}

/// The frames for one peer.
#[derive(Debug)]
pub(super) struct Queue {
    bounds: QueueBounds,
    waiting: Mutex<Waiting>,
    filled: Notify,
}

impl Queue {
    /// Closed at first.
    pub(super) fn new(bounds: QueueBounds) -> Self {
        Self { bounds, waiting: Mutex::default(), filled: Notify::new() }
    }

    /// Takes a frame if there is a connection and room.
    pub(super) fn push(&self, frame: Bytes) -> Sent {
        let mut waiting = self.lock();
        let bytes = waiting.bytes + frame.len();
        let room = waiting.frames.len() < self.bounds.frames && bytes <= self.bounds.bytes && frame.len() <= PAYLOAD_BYTES_CAP;
        if !waiting.open || !room {
            return Sent::Not;
        }
        waiting.bytes = bytes;
        waiting.frames.push_back(frame);
        drop(waiting);
        self.filled.notify_one();
        Sent::Handed
    }

    /// There is a connection.
    pub(super) fn open(&self) {
        self.lock().open = true;
    }

    /// There is none any more: what waits is lost.
    pub(super) fn close(&self) {
        *self.lock() = Waiting::default();
    }

    /// Waits for frames and encodes as many of them as one write should gather. Cancelled, it has taken none.
    pub(super) async fn batch(&self) -> BytesMut {
        loop {
            let filled = self.filled.notified();
            if let Some(batch) = self.take() {
                return batch;
            }
            filled.await;
        }
    }

    fn take(&self) -> Option<BytesMut> {
        let mut waiting = self.lock();
        let mut batch = BytesMut::with_capacity(waiting.bytes.min(BATCH_BYTES) + HEADER_BYTES);
        while let Some(frame) = waiting.frames.pop_front_if(|frame| batch.is_empty() || batch.len() + frame.len() <= BATCH_BYTES)
        {
            waiting.bytes -= frame.len();
            encode_frame(&frame, &mut batch).expect("`push` takes no frame over the cap");
        }
        (!batch.is_empty()).then_some(batch)
    }

    /// The state is whole between any two statements, so a panic of another holder does not matter.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: usize) -> Bytes {
        Bytes::from(vec![0; bytes])
    }

    #[test]
    fn nothing_is_taken_without_a_connection_or_room() {
        let queue = Queue::new(QueueBounds { frames: 2, bytes: 100 });
        assert_eq!(queue.push(frame(1)), Sent::Not);
        queue.open();
        assert_eq!(queue.push(frame(101)), Sent::Not);
        assert_eq!(queue.push(frame(60)), Sent::Handed);
        assert_eq!(queue.push(frame(41)), Sent::Not);
        assert_eq!(queue.push(frame(40)), Sent::Handed);
        assert_eq!(queue.push(frame(0)), Sent::Not, "two frames wait already");
        queue.close();
        assert_eq!(queue.push(frame(1)), Sent::Not);
        queue.open();
        assert!(queue.take().is_none(), "what waited was lost with the connection");
    }

    #[test]
    fn a_batch_gathers_what_waits_up_to_its_size() {
        let queue = Queue::new(QueueBounds { frames: 100, bytes: 10 * BATCH_BYTES });
        queue.open();
        for bytes in [10, 20, BATCH_BYTES, 5] {
            assert_eq!(queue.push(frame(bytes)), Sent::Handed);
        }
        let batches: Vec<usize> = std::iter::from_fn(|| queue.take()).map(|batch| batch.len()).collect();
        assert_eq!(batches, [30 + 2 * HEADER_BYTES, BATCH_BYTES + HEADER_BYTES, 5 + HEADER_BYTES]);
    }
}
