//! Reading frames from a socket.

use std::io;

use bytes::Bytes;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::frame::{FrameDecoder, FrameError};

/// Why no further frame comes.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The other end closed the connection between two frames.
    #[error("closed by the other end")]
    Closed,
    /// The connection broke.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What came is no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// The next frame. Cancel-safe: what was read stays in the decoder.
pub(super) async fn read_frame(stream: &mut (impl AsyncRead + Unpin), decoder: &mut FrameDecoder) -> Result<Bytes, ReadError> {
    loop {
        if let Some(frame) = decoder.next_frame()? {
            return Ok(frame);
        }
        if stream.read_buf(decoder.buffer()).await? == 0 {
            decoder.finish()?;
            return Err(ReadError::Closed);
        }
    }
}
