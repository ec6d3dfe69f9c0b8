//! The outgoing connection to one peer: called again and again, for as long as the node runs and the peer is in the view.
//!
//! It carries frames one way, from here to there. While it stands its [`Queue`] is open; when it breaks the queue is emptied and
//! the node is told, after which nothing that was handed to it can arrive any more.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thiserror::Error;
use tokio::{
    io::{self as tokio_io, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, sleep},
};

use super::{
    greet::{CallBounds, Called, GreetError, greet},
    hello::{Greeting, HELLO_BYTES_CAP, Hello, Refused, Verdict},
    peers::Links,
    queue::Queue,
    stream::PeerStream,
};
use crate::runtime::Incoming;

/// The first retry's delay; each one doubles it.
const RETRY_FIRST: Duration = Duration::from_millis(10);
/// The longest delay between retries.
const RETRY_CAP: Duration = Duration::from_millis(500);
/// A connection that stood this long starts the retries from the beginning.
const STOOD: Duration = Duration::from_secs(1);
/// How long a called node may take to answer a hello: it may be busy or paused.
const VERDICT_WAIT: Duration = Duration::from_secs(2);

/// Why there is no connection.
#[derive(Debug, Error)]
enum LinkError {
    /// The network, or the other end, says no.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It gives no answer.
    #[error(transparent)]
    Greet(#[from] GreetError),
    /// The called node does not let us in.
    #[error("refused: {0}")]
    Refused(#[from] Refused),
    /// The called node says something after its verdict, which no build of ours does.
    #[error("bytes came back on a one-way connection")]
    Talkback,
}

/// The outgoing connection to one peer.
pub(super) struct Link {
    /// Where the node is told of breaks, and breaks are counted.
    pub(super) links: Arc<Links>,
    /// What we say first; names the peer.
    pub(super) hello: Hello,
    /// The peer's address in views.
    pub(super) peer: String,
    /// Where the peer listens for its peers.
    pub(super) address: String,
    /// What waits to be sent.
    pub(super) queue: Arc<Queue>,
    /// For the retries' jitter.
    pub(super) seed: u64,
}

impl Link {
    /// Connects, carries frames until it breaks, and again.
    pub(super) async fn run(self) {
        let mut backoff = Backoff { delay: RETRY_FIRST, random: ChaCha8Rng::seed_from_u64(self.seed) };
        let peer = self.hello.to;
        let mut told = String::new();
        loop {
            match self.call().await {
                Ok(stream) => {
                    let since = Instant::now();
                    tracing::info!(%peer, address = %self.address, "link up");
                    let Err(error) = self.carry(stream).await;
                    tracing::warn!(%peer, address = %self.address, %error, "link down");
                    told.clear();
                    self.links.inbox.put(Incoming::LinkDown(peer)).await;
                    if since.elapsed() >= STOOD {
                        backoff.delay = RETRY_FIRST;
                    }
                }
                // A peer that is away is tried for hours: say why once.
                Err(error) if error.to_string() != told => {
                    tracing::warn!(%peer, address = %self.address, %error, "no link yet");
                    told = error.to_string();
                }
                Err(_) => {}
            }
            if self.links.let_go(peer) {
                return;
            }
            sleep(backoff.next()).await;
        }
    }

    /// A connection on which the peer has let us in.
    async fn call(&self) -> Result<PeerStream, LinkError> {
        let bounds = CallBounds { connect: self.links.timeout(), answer: VERDICT_WAIT, answer_bytes: HELLO_BYTES_CAP };
        let called = Called { address: &self.peer, listens: &self.address, tls: self.links.tls() };
        let (stream, verdict) = greet::<Verdict>(&called, &Greeting::Link(self.hello.clone()), bounds).await?;
        verdict?;
        Ok(stream)
    }

    /// Writes what is queued until the connection breaks. When this returns, the socket and all that it held are gone.
    async fn carry(&self, stream: PeerStream) -> Result<Infallible, LinkError> {
        self.links.stats.connected.add(1);
        self.queue.open();
        let result = match stream {
            PeerStream::Plain(mut stream) => {
                let (reader, writer) = stream.split();
                self.write_until_broken(reader, writer).await
            }
            PeerStream::Tls(stream) => {
                let (reader, writer) = tokio_io::split(stream);
                self.write_until_broken(reader, writer).await
            }
        };
        self.queue.close();
        self.links.stats.broken.add(1);
        result
    }

    async fn write_until_broken(
        &self,
        mut reader: impl AsyncRead + Unpin,
        mut writer: impl AsyncWrite + Unpin,
    ) -> Result<Infallible, LinkError> {
        let mut talkback = [0];
        tokio::select! {
            biased;
            read = reader.read(&mut talkback) => match read {
                Ok(0) => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(_) => Err(LinkError::Talkback),
                Err(error) => Err(error.into()),
            },
            error = async {
                loop {
                    let batch = self.queue.batch().await;
                    let written = async {
                        writer.write_all(&batch).await?;
                        // Within TLS what was written may wait for the socket.
                        writer.flush().await
                    };
                    if let Err(error) = written.await {
                        break error;
                    }
                    self.links.stats.writes.add(1);
                    self.links.stats.sent_bytes.add(batch.len() as u64);
                }
            } => Err(error.into()),
        }
    }
}

/// Delays between retries: short at first, since a restarted peer is back at once, then doubling, with jitter, so that peers that
/// lost the same node do not call it in step.
struct Backoff {
    delay: Duration,
    random: ChaCha8Rng,
}

impl Backoff {
    fn next(&mut self) -> Duration {
        let delay = self.delay;
        self.delay = (delay * 2).min(RETRY_CAP);
        delay.mul_f64(self.random.random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_start_fast_and_stay_below_the_cap() {
        let mut backoff = Backoff { delay: RETRY_FIRST, random: ChaCha8Rng::seed_from_u64(1) };
        let delays: Vec<Duration> = (0..20).map(|_| backoff.next()).collect();
        assert!(delays[..4].iter().sum::<Duration>() <= Duration::from_millis(150), "{delays:?}");
        assert!(delays.iter().all(|delay| *delay <= RETRY_CAP), "{delays:?}");
        assert!(delays[19] >= RETRY_CAP / 2, "{delays:?}");
    }
}
