//! The connections that peers make to us: let in, read, put into the inbox.
//!
//! A peer has one of them at a time. A newer one ends the older, and starts only when the older one's reader is gone and the node has
//! been told: frames of two connections never mix.

use std::{io, sync::Arc, time::Duration};

use bytes::BytesMut;
use thiserror::Error;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::{Mutex, Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    frame::{FrameDecoder, FrameError, PAYLOAD_BYTES_CAP, encode_frame},
    hello::{HELLO_BYTES_CAP, Hello, Refused, Verdict, judge},
    inbox::Inbox,
    read::{ReadError, read_frame},
    socket,
    stats::LinkStats,
};
use crate::{
    id::{Incarnation, NodeId},
    placement::Config,
    runtime::Incoming,
};

/// Connections that have not said who they are, at most.
const STRANGERS: usize = 64;
/// How long a stranger may take to say it.
const HELLO_WAIT: Duration = Duration::from_secs(3);
/// A pause after a failed `accept`: it fails for want of file descriptors, and would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why a connection that a peer made is closed.
#[derive(Debug, Error)]
enum Closed {
    /// No hello in time.
    #[error("no hello within {} s", HELLO_WAIT.as_secs())]
    Silent,
    /// The connection broke, ended, or held no frame.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The verdict could not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The verdict does not fit into a frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The caller is not let in.
    #[error("refused: {0}")]
    Refused(#[from] Refused),
    /// The same peer has made a newer one.
    #[error("replaced by a newer connection")]
    Replaced,
}

/// One peer's place: the number of its newest connection, and whose turn it is to read.
#[derive(Debug)]
struct Place {
    newest: watch::Sender<u64>,
    turn: Mutex<()>,
}

/// Where peers call.
pub(super) struct Listener {
    config: Arc<Config>,
    me: NodeId,
    incarnation: Incarnation,
    link_timeout: Duration,
    inbox: Inbox,
    stats: Arc<LinkStats>,
    places: Vec<Place>,
    strangers: Arc<Semaphore>,
}

impl Listener {
    /// Lets in the nodes of a config.
    pub(super) fn new(hello: &Hello, config: Arc<Config>, link_timeout: Duration, inbox: Inbox, stats: Arc<LinkStats>) -> Self {
        let place = |_: &_| Place { newest: watch::Sender::new(0), turn: Mutex::new(()) };
        let places = config.members().iter().map(place).collect();
        let strangers = Arc::new(Semaphore::new(STRANGERS));
        let (me, incarnation) = (hello.from, hello.incarnation);
        Self { config, me, incarnation, link_timeout, inbox, stats, places, strangers }
    }

    /// Accepts until dropped, and every connection with it.
    pub(super) async fn run(self, socket: TcpListener) {
        let listener = Arc::new(self);
        let mut connections = JoinSet::new();
        loop {
            let stranger = listener.strangers.clone().acquire_owned().await;
            let (stream, caller) = match socket.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a peer's connection");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            while connections.try_join_next().is_some() {}
            let listener = listener.clone();
            connections.spawn(async move {
                let mut connection = Connection { listener, stream, decoder: FrameDecoder::new(HELLO_BYTES_CAP) };
                let greeted = connection.greet().await;
                drop(stranger);
                let closed = match greeted {
                    Ok(peer) => connection.read(peer).await,
                    Err(closed) => closed,
                };
                connection.listener.count(&closed);
                tracing::warn!(%caller, reason = %closed, "closed a peer's connection");
            });
        }
    }

    fn count(&self, closed: &Closed) {
        match closed {
            Closed::Read(ReadError::Frame(_)) => self.stats.bad_frames.add(1),
            Closed::Refused(_) => self.stats.refused.add(1),
            _ => {}
        }
    }
}

/// One accepted connection.
struct Connection {
    listener: Arc<Listener>,
    stream: TcpStream,
    decoder: FrameDecoder,
}

impl Connection {
    /// Hears who calls; a caller that is not let in is told why.
    async fn greet(&mut self) -> Result<NodeId, Closed> {
        socket::prepare(&self.stream, self.listener.link_timeout)?;
        let first = timeout(HELLO_WAIT, read_frame(&mut self.stream, &mut self.decoder)).await;
        let first = first.map_err(|_| Closed::Silent)??;
        let judged = postcard::from_bytes::<Hello>(&first).map_err(|_| Refused::NoHello).and_then(|hello| {
            judge(&hello, &self.listener.config, self.listener.me)?;
            Ok(hello.from)
        });
        match judged {
            Ok(peer) => Ok(peer),
            Err(refused) => {
                self.answer(&Err(refused.clone())).await?;
                // Closing throws away what was not sent yet: give the caller time to read why, and to close first.
                let _ = timeout(HELLO_WAIT, read_frame(&mut self.stream, &mut self.decoder)).await;
                Err(refused.into())
            }
        }
    }

    async fn answer(&mut self, verdict: &Verdict) -> Result<(), Closed> {
        let mut bytes = BytesMut::new();
        let payload = postcard::to_stdvec(verdict).map_err(io::Error::other)?;
        encode_frame(&payload, &mut bytes)?;
        Ok(self.stream.write_all(&bytes).await?)
    }

    /// Reads a peer's frames until the connection ends or a newer one takes its place.
    async fn read(&mut self, peer: NodeId) -> Closed {
        let listener = self.listener.clone();
        let place = &listener.places[peer.0 as usize];
        place.newest.send_modify(|newest| *newest += 1);
        let mut newest = place.newest.subscribe();
        let mine = *newest.borrow_and_update();
        let _turn = place.turn.lock().await;
        if *newest.borrow() != mine {
            return Closed::Replaced;
        }
        if let Err(closed) = self.answer(&Ok(listener.incarnation)).await {
            return closed;
        }
        self.decoder.set_payload_bytes_cap(PAYLOAD_BYTES_CAP);
        let closed = tokio::select! {
            biased;
            _ = newest.changed() => Closed::Replaced,
            closed = self.pass_on(peer) => closed,
        };
        listener.stats.broken.add(1);
        listener.inbox.put(Incoming::LinkDown(peer)).await;
        closed
    }

    /// While the inbox is full this waits, and nothing more is read.
    async fn pass_on(&mut self, from: NodeId) -> Closed {
        loop {
            match read_frame(&mut self.stream, &mut self.decoder).await {
                Ok(bytes) => {
                    self.listener.stats.received_frames.add(1);
                    self.listener.inbox.put(Incoming::Frame { from, bytes }).await;
                }
                Err(error) => return error.into(),
            }
        }
    }
}
