//! Calling a node: the first frame, and what it is answered. Also how a node that knows no config finds out which cluster there is.

use std::{io, time::Duration};

use bytes::BytesMut;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::{io::AsyncWriteExt, time::timeout};

use super::{
    frame::{FrameDecoder, FrameError, PAYLOAD_BYTES_CAP, encode_frame},
    hello::{Greeting, Introduction},
    read::{ReadError, read_frame},
    socket,
    stream::PeerStream,
    tls::PeerTls,
};
use crate::tls::NotNamed;

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
    /// Who answers is not the node that was called. Nothing was said to it.
    #[error("this is another node: {0}")]
    NotNamed(#[from] NotNamed),
}

/// A node to call.
#[derive(Debug, Clone, Copy)]
pub struct Called<'a> {
    /// Its address, its identity in views: within TLS who answers must prove that it is this node.
    pub address: &'a str,
    /// Where it listens for its peers.
    pub listens: &'a str,
    /// What to prove oneself with; in clear without.
    pub tls: Option<&'a PeerTls>,
}

/// How long the phases of a call may take, and how long its answer may be. The handshake of TLS is a part of the answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallBounds {
    pub connect: Duration,
    pub answer: Duration,
    pub answer_bytes: usize,
}

/// Connects, greets, and gives the connection and what the called node answered.
pub(super) async fn greet<T: DeserializeOwned>(
    called: &Called<'_>,
    greeting: &Greeting,
    bounds: CallBounds,
) -> Result<(PeerStream, T), GreetError> {
    let stream = socket::connect(called.listens, bounds.connect).await?;
    let mut frame = BytesMut::new();
    encode_frame(&postcard::to_stdvec(greeting)?, &mut frame)?;
    let answered = async {
        let mut stream = PeerStream::call(stream, called.address, called.tls).await?;
        stream.proves(called.address)?;
        stream.write_all(&frame).await?;
        stream.flush().await?;
        let mut decoder = FrameDecoder::new(bounds.answer_bytes);
        let answer = read_frame(&mut stream, &mut decoder).await?;
        Ok::<_, GreetError>((stream, answer))
    };
    let (stream, answer) = timeout(bounds.answer, answered).await.map_err(io::Error::from)??;
    Ok((stream, postcard::from_bytes(&answer)?))
}

/// Asks a member who belongs to the cluster, for the node at `address`.
///
/// # Errors
/// [`GreetError`].
pub async fn who_belongs(member: &Called<'_>, address: &str, limit: Duration) -> Result<Introduction, GreetError> {
    let greeting = Greeting::WhoBelongs { address: address.to_owned() };
    let bounds = CallBounds { connect: limit, answer: limit, answer_bytes: PAYLOAD_BYTES_CAP };
    let (_, introduction) = timeout(limit, greet(member, &greeting, bounds)).await.map_err(io::Error::from)??;
    Ok(introduction)
}
