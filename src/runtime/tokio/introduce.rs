//! How a node that knows no config finds out which cluster there is: it asks where a member listens for its peers.

use std::{io, time::Duration};

use bytes::BytesMut;
use thiserror::Error;
use tokio::{io::AsyncWriteExt, time::timeout};

use super::{
    frame::{FrameDecoder, FrameError, PAYLOAD_BYTES_CAP, encode_frame},
    hello::{Greeting, Introduction},
    read::{ReadError, read_frame},
    socket,
};

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum IntroduceError {
    /// Nobody listens there, or the connection broke.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What came back is no frame.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The question does not fit into a frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The answer is not what this build says.
    #[error("the answer is not understood: {0}")]
    Answer(#[from] postcard::Error),
    /// It did not come in time.
    #[error("no answer within {} ms", .0.as_millis())]
    Late(Duration),
}

/// Asks a member who belongs to the cluster, for the node at `address`.
///
/// # Errors
/// [`IntroduceError`].
pub async fn who_belongs(peer_address: &str, address: &str, limit: Duration) -> Result<Introduction, IntroduceError> {
    let asked = async {
        let mut stream = socket::connect(peer_address, limit).await?;
        let mut greeting = BytesMut::new();
        encode_frame(&postcard::to_stdvec(&Greeting::WhoBelongs { address: address.to_owned() })?, &mut greeting)?;
        stream.write_all(&greeting).await?;
        let answer = read_frame(&mut stream, &mut FrameDecoder::new(PAYLOAD_BYTES_CAP)).await?;
        Ok(postcard::from_bytes(&answer)?)
    };
    timeout(limit, asked).await.unwrap_or(Err(IntroduceError::Late(limit)))
}
