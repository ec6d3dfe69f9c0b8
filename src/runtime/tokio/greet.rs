//! Calling a node: the first frame, and what it is answered. Also how a node that knows no config finds out which cluster there is.

use std::{io, time::Duration};

use bytes::BytesMut;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

use super::{
    frame::{FrameDecoder, FrameError, PAYLOAD_BYTES_CAP, encode_frame},
    hello::{Greeting, Introduction},
    read::{ReadError, read_frame},
    socket,
};

/// Why a called node gives no answer.
#[derive(Debug, Error)]
pub enum GreetError {
    /// Nobody listens there, the connection broke, or it took too long.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What came back is no frame.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The greeting does not fit into a frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The greeting or its answer is not what this build says.
    #[error("the greeting is not understood: {0}")]
    Greeting(#[from] postcard::Error),
}

/// How long the phases of a call may take, and how long its answer may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallBounds {
    pub connect: Duration,
    pub answer: Duration,
    pub answer_bytes: usize,
}

/// Connects, greets, and gives the connection and what the called node answered.
pub(super) async fn greet<T: DeserializeOwned>(
    address: &str,
    greeting: &Greeting,
    bounds: CallBounds,
) -> Result<(TcpStream, T), GreetError> {
    let mut stream = socket::connect(address, bounds.connect).await?;
    let mut frame = BytesMut::new();
    encode_frame(&postcard::to_stdvec(greeting)?, &mut frame)?;
    stream.write_all(&frame).await?;
    let mut decoder = FrameDecoder::new(bounds.answer_bytes);
    let answer = timeout(bounds.answer, read_frame(&mut stream, &mut decoder)).await.map_err(io::Error::from)??;
    let answer = postcard::from_bytes(&answer)?;
    Ok((stream, answer))
}

/// Asks a member who belongs to the cluster, for the node at `address`.
///
/// # Errors
/// [`GreetError`].
pub async fn who_belongs(peer_address: &str, address: &str, limit: Duration) -> Result<Introduction, GreetError> {
    let greeting = Greeting::WhoBelongs { address: address.to_owned() };
    let bounds = CallBounds { connect: limit, answer: limit, answer_bytes: PAYLOAD_BYTES_CAP };
    let (_, introduction) = timeout(limit, greet(peer_address, &greeting, bounds)).await.map_err(io::Error::from)??;
    Ok(introduction)
}
