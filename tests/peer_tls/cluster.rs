//! Three nodes on loopback within TLS, and hand-made callers that show what they like.

use std::{
    collections::BTreeMap,
    fs, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use causeway::{
    id::{Incarnation, NodeId},
    placement::{Config, Founding},
    runtime::{
        Incoming, Sent,
        tokio::{
            FrameDecoder, Greeting, HELLO_BYTES_CAP, Hello, LinkSettings, PeerOptions, PeerTls, Peers, Verdict, encode_frame,
        },
    },
    tls::{Authority, Credentials, TlsFiles, Validity, host_of},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A cluster of one shard of three nodes on loopback, whose authority has signed a certificate for each.
pub struct Cluster {
    pub config: Arc<Config>,
    pub authority: Authority,
    pub folder: TempDir,
    pub addresses: BTreeMap<NodeId, String>,
    pub listeners: BTreeMap<NodeId, TcpListener>,
}

pub fn authority() -> Authority {
    Authority::new(Validity::long()).expect("a key")
}

pub fn name(row: u32) -> String {
    format!("node{row}:8090")
}

pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("not within {} s: {what}", PATIENCE.as_secs()))
}

pub async fn receive(peers: &Peers) -> Incoming {
    within("something to come in", peers.receive()).await
}

pub fn frame(from: u32, text: &str) -> Incoming {
    Incoming::Frame { from: NodeId(from), bytes: Bytes::from(text.to_owned()) }
}

/// Sends until the link takes it.
pub async fn send(peers: &Peers, to: u32, text: &str) {
    within("a link", async {
        while peers.send(NodeId(to), Bytes::from(text.to_owned())) == Sent::Not {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

impl Cluster {
    pub async fn new() -> Self {
        let config = Config::found(&Founding { view: (0..3).map(name).collect(), shard_count: 1 }).expect("one shard");
        let (mut addresses, mut listeners) = (BTreeMap::new(), BTreeMap::new());
        for row in 0..3 {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            addresses.insert(NodeId(row), listener.local_addr().expect("bound").to_string());
            listeners.insert(NodeId(row), listener);
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { config: Arc::new(config), authority: authority(), folder, addresses, listeners }
    }

    /// What a node shows whose certificate this authority signed; the cluster's is the one that it believes.
    pub fn credentials(&self, signer: &Authority, node: &str) -> Credentials {
        let issued = signer.issue(node, &[]).expect("a legal name");
        let file = |name: &str, text: &str| {
            let path = self.folder.path().join(name);
            fs::write(&path, text).expect("writable");
            path
        };
        let files = TlsFiles {
            authority: file("ca.pem", &self.authority.certificate_pem().expect("a certificate")),
            certificate: file("node.pem", &issued.certificate_pem),
            key: file("node.key", &issued.key_pem),
        };
        Credentials::load(&files).expect("files that fit")
    }

    pub fn own(&self, row: u32) -> Credentials {
        self.credentials(&self.authority, &name(row))
    }

    pub fn options(&self, row: u32) -> PeerOptions {
        PeerOptions {
            config: self.config.clone(),
            me: self.config.member(NodeId(row)).expect("a row of the table").clone(),
            addresses: self.addresses.iter().map(|(node, listens)| (name(node.0), listens.clone())).collect(),
            links: LinkSettings::default(),
            tls: Some(PeerTls::new(&self.own(row)).expect("files that fit")),
        }
    }

    pub fn start(&mut self, row: u32) -> Peers {
        Peers::start(self.listeners.remove(&NodeId(row)).expect("not started"), &self.options(row))
    }

    /// What node 0 would say to node 1.
    pub fn hello(&self) -> Hello {
        Hello { cluster: self.config.cluster(), from: NodeId(0), address: name(0), to: NodeId(1), incarnation: Incarnation(1) }
    }

    /// A connection to node 1 whose caller shows these certificates, and can then say anything.
    pub async fn call(&self, shown: &Credentials) -> io::Result<Caller> {
        let stream = Tapped { stream: TcpStream::connect(&self.addresses[&NodeId(1)]).await?, written: Vec::new() };
        let connector = TlsConnector::from(shown.peer_client().expect("files that fit"));
        let stream = within("a handshake", connector.connect(host_of(&name(1)).expect("a host"), stream)).await?;
        Ok(Caller { stream, decoder: FrameDecoder::new(HELLO_BYTES_CAP) })
    }

    /// Node 2's link to node 1 works, and none of its breaks were told before.
    pub async fn is_unharmed(&self, node1: &Peers, node2: &Peers) {
        send(node2, 1, "unharmed").await;
        assert_eq!(receive(node1).await, frame(2, "unharmed"));
    }
}

/// A socket that keeps what was written to it, one piece a write.
pub struct Tapped {
    pub stream: TcpStream,
    pub written: Vec<Vec<u8>>,
}

impl AsyncRead for Tapped {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.written.push(bytes[..count].to_vec());
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A hand-made connection within TLS.
pub struct Caller {
    pub stream: TlsStream<Tapped>,
    decoder: FrameDecoder,
}

impl Caller {
    pub async fn say(&mut self, payload: &[u8]) {
        let mut frame = BytesMut::new();
        encode_frame(payload, &mut frame).expect("a short frame");
        self.say_raw(&frame).await;
    }

    pub async fn say_raw(&mut self, bytes: &[u8]) {
        // Who refuses the handshake may have closed already.
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.flush().await;
    }

    /// The next frame; none where the other end closes, or ends the session.
    pub async fn hear(&mut self) -> Option<Bytes> {
        within("a frame", async {
            loop {
                if let Some(frame) = self.decoder.next_frame().expect("a whole frame") {
                    return Some(frame);
                }
                if self.stream.read_buf(self.decoder.buffer()).await.unwrap_or_default() == 0 {
                    return None;
                }
            }
        })
        .await
    }

    pub async fn greet(&mut self, hello: &Hello) -> Option<Verdict> {
        self.say(&postcard::to_stdvec(&Greeting::Link(hello.clone())).expect("a hello")).await;
        Some(postcard::from_bytes(&self.hear().await?).expect("a verdict"))
    }

    pub async fn let_in(mut self, hello: &Hello) -> Self {
        self.greet(hello).await.expect("an answer").expect("the truth is let in");
        self
    }
}

/// Waits until a node has counted callers that it refused.
pub async fn refused(node: &Peers, count: u64) {
    within("it is counted", async {
        while node.stats().refused.get() < count {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(node.stats().refused.get(), count);
}
