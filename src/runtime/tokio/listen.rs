//! The connections that peers make to us: let in, read, put into the inbox.
//!
//! A peer has one of them at a time. A newer one ends the older, and starts only when the older one's reader is gone and the node has
//! been told: frames of two connections never mix.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex as Table, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use serde::Serialize;
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
    hello::{Greeting, HELLO_BYTES_CAP, Introduction, Refused, Verdict, judge},
    peers::Links,
    read::{ReadError, read_frame},
    socket,
    stream::PeerStream,
};
use crate::{id::NodeId, runtime::Incoming};

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
    /// The caller has shown no certificate of ours, or does not even speak TLS.
    #[error("no TLS handshake: {0}")]
    Handshake(io::Error),
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
    /// The caller wanted to know who belongs to the cluster, and does.
    #[error("told who belongs to the cluster")]
    Introduced,
}

/// One peer's place: the number of its newest connection, and whose turn it is to read.
#[derive(Debug)]
struct Place {
    newest: watch::Sender<u64>,
    turn: Mutex<()>,
}

/// Where peers call.
pub(super) struct Listener {
    links: Arc<Links>,
    places: Table<BTreeMap<NodeId, Arc<Place>>>,
    strangers: Arc<Semaphore>,
}

impl Listener {
    /// Lets in the nodes of the config.
    pub(super) fn new(links: Arc<Links>) -> Self {
        Self { links, places: Table::default(), strangers: Arc::new(Semaphore::new(STRANGERS)) }
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
                let greeted = Connection::greeted(listener.clone(), stream).await;
                drop(stranger);
                let closed = match greeted {
                    Ok((mut connection, peer)) => connection.read(peer).await,
                    Err(closed) => closed,
                };
                listener.count(&closed);
                match closed {
                    Closed::Introduced => tracing::debug!(%caller, "a node asked who belongs to the cluster"),
                    closed => tracing::warn!(%caller, reason = %closed, "closed a peer's connection"),
                }
            });
        }
    }

    fn count(&self, closed: &Closed) {
        match closed {
            Closed::Read(ReadError::Frame(_)) => self.links.stats.bad_frames.add(1),
            Closed::Refused(_) | Closed::Handshake(_) => self.links.stats.refused.add(1),
            _ => {}
        }
    }

    fn place(&self, peer: NodeId) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Place { newest: watch::Sender::new(0), turn: Mutex::new(()) });
        places.entry(peer).or_insert_with(new).clone()
    }
}

/// One accepted connection.
struct Connection {
    listener: Arc<Listener>,
    stream: PeerStream,
    decoder: FrameDecoder,
}

impl Connection {
    /// Hears who calls; a caller that is not let in is told why.
    async fn greeted(listener: Arc<Listener>, stream: TcpStream) -> Result<(Self, NodeId), Closed> {
        socket::prepare(&stream, listener.links.timeout())?;
        let first = timeout(HELLO_WAIT, Self::first_frame(listener, stream)).await;
        let (mut connection, first) = first.map_err(|_| Closed::Silent)??;
        let peer = connection.admit(&first).await?;
        Ok((connection, peer))
    }

    async fn first_frame(listener: Arc<Listener>, stream: TcpStream) -> Result<(Self, Bytes), Closed> {
        let stream = PeerStream::accept(stream, listener.links.tls()).await.map_err(Closed::Handshake)?;
        let mut connection = Self { listener, stream, decoder: FrameDecoder::new(HELLO_BYTES_CAP) };
        let first = read_frame(&mut connection.stream, &mut connection.decoder).await?;
        Ok((connection, first))
    }

    async fn admit(&mut self, first: &[u8]) -> Result<NodeId, Closed> {
        let config = self.listener.links.config();
        let judged = match postcard::from_bytes(first) {
            Ok(Greeting::Link(hello)) => {
                self.proven(&hello.address).and_then(|()| judge(&hello, &config, self.listener.links.me())).map(|()| hello.from)
            }
            Ok(Greeting::WhoBelongs { address }) => {
                self.proven(&address)?;
                return self.introduce(&Introduction::to(&address, config)).await;
            }
            Err(_) => Err(Refused::NoHello),
        };
        match judged {
            Ok(peer) => Ok(peer),
            Err(refused) => {
                self.answer(&Verdict::Err(refused.clone())).await?;
                self.let_close().await;
                Err(refused.into())
            }
        }
    }

    fn proven(&self, address: &str) -> Result<(), Refused> {
        self.stream.proves(address).map_err(|error| Refused::NotProven(error.to_string()))
    }

    async fn introduce(&mut self, introduction: &Introduction) -> Result<NodeId, Closed> {
        self.answer(introduction).await?;
        self.let_close().await;
        Err(Closed::Introduced)
    }

    /// Closing throws away what was not sent yet: gives the caller time to read it, and to close first.
    async fn let_close(&mut self) {
        let _ = timeout(HELLO_WAIT, read_frame(&mut self.stream, &mut self.decoder)).await;
    }

    async fn answer(&mut self, answer: &impl Serialize) -> Result<(), Closed> {
        let mut bytes = BytesMut::new();
        let payload = postcard::to_stdvec(answer).map_err(io::Error::other)?;
        encode_frame(&payload, &mut bytes)?;
        self.stream.write_all(&bytes).await?;
        Ok(self.stream.flush().await?)
    }

    /// Reads a peer's frames until the connection ends or a newer one takes its place.
    async fn read(&mut self, peer: NodeId) -> Closed {
        let listener = self.listener.clone();
        let place = listener.place(peer);
        place.newest.send_modify(|newest| *newest += 1);
        let mut newest = place.newest.subscribe();
        let mine = *newest.borrow_and_update();
        let _turn = place.turn.lock().await;
        if *newest.borrow() != mine {
            return Closed::Replaced;
        }
        if let Err(closed) = self.answer(&Verdict::Ok(listener.links.incarnation)).await {
            return closed;
        }
        self.decoder.set_payload_bytes_cap(PAYLOAD_BYTES_CAP);
        // One that was taken out of the view is answered for as long as it asks.
        listener.links.reach(peer);
        let closed = tokio::select! {
            biased;
            _ = newest.changed() => Closed::Replaced,
            closed = self.pass_on(peer) => closed,
        };
        listener.links.stats.broken.add(1);
        listener.links.inbox.put(Incoming::LinkDown(peer)).await;
        closed
    }

    /// While the inbox is full this waits, and nothing more is read.
    async fn pass_on(&mut self, from: NodeId) -> Closed {
        loop {
            match read_frame(&mut self.stream, &mut self.decoder).await {
                Ok(bytes) => {
                    self.listener.links.stats.received_frames.add(1);
                    self.listener.links.inbox.put(Incoming::Frame { from, bytes }).await;
                }
                Err(error) => return error.into(),
            }
        }
    }
}
