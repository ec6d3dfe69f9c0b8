//! Links between real nodes over loopback: what is sent arrives, breaks are told, liars are kept out and harm nobody else.

#![expect(clippy::disallowed_methods, reason = "real links break and heal in real time")]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use causeway::{
    id::{Incarnation, NodeId},
    placement::{Config, Founding},
    runtime::{
        Incoming, Sent,
        tokio::{
            FRAME_VERSION, FrameDecoder, Greeting, HEADER_BYTES, HELLO_BYTES_CAP, Hello, InboxBounds, LinkSettings,
            PAYLOAD_BYTES_CAP, PeerOptions, Peers, QueueBounds, Refused, Verdict, encode_frame,
        },
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A cluster of one shard on loopback whose nodes are started one by one.
struct Cluster {
    config: Arc<Config>,
    addresses: BTreeMap<NodeId, String>,
    listeners: BTreeMap<NodeId, TcpListener>,
}

impl Cluster {
    async fn new(nodes: u32) -> Self {
        let view = (0..nodes).map(|row| format!("node{row}:8090")).collect();
        let config = Arc::new(Config::found(&Founding { view, shard_count: 1 }).expect("one shard"));
        let (mut addresses, mut listeners) = (BTreeMap::new(), BTreeMap::new());
        for row in 0..nodes {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            addresses.insert(NodeId(row), listener.local_addr().expect("bound").to_string());
            listeners.insert(NodeId(row), listener);
        }
        Self { config, addresses, listeners }
    }

    async fn start(&mut self, row: u32, links: LinkSettings) -> Peers {
        let me = self.config.member(NodeId(row)).expect("a row of the table").clone();
        let address = &self.addresses[&me.node];
        let listener = match self.listeners.remove(&me.node) {
            Some(listener) => listener,
            None => rebind(address).await,
        };
        let addresses = self.addresses.iter().map(|(node, listens)| (format!("node{}:8090", node.0), listens.clone())).collect();
        Peers::start(listener, &PeerOptions { config: self.config.clone(), me, addresses, links, tls: None })
    }

    /// What node 0 would say to node 1.
    fn hello(&self) -> Hello {
        Hello {
            cluster: self.config.cluster(),
            from: NodeId(0),
            address: "node0:8090".to_owned(),
            to: NodeId(1),
            incarnation: Incarnation(1),
        }
    }

    /// A connection to node 1 on which anything can be said.
    async fn call(&self) -> Caller {
        let stream = TcpStream::connect(&self.addresses[&NodeId(1)]).await.expect("node 1 listens");
        Caller { stream, decoder: FrameDecoder::new(HELLO_BYTES_CAP) }
    }
}

/// The port may be held for a moment by the process's earlier listener.
async fn rebind(address: &str) -> TcpListener {
    within("the port is free again", async {
        loop {
            match TcpListener::bind(address).await {
                Ok(listener) => return listener,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    })
    .await
}

/// A hand-made connection.
struct Caller {
    stream: TcpStream,
    decoder: FrameDecoder,
}

impl Caller {
    async fn say(&mut self, payload: &[u8]) {
        let mut frame = BytesMut::new();
        encode_frame(payload, &mut frame).expect("a short frame");
        self.stream.write_all(&frame).await.expect("the other end reads");
    }

    async fn hear(&mut self) -> Bytes {
        within("a frame", async {
            loop {
                if let Some(frame) = self.decoder.next_frame().expect("a whole frame") {
                    return frame;
                }
                assert_ne!(self.stream.read_buf(self.decoder.buffer()).await.expect("an open connection"), 0);
            }
        })
        .await
    }

    async fn greet(&mut self, hello: &Hello) -> Verdict {
        self.say(&postcard::to_stdvec(&Greeting::Link(hello.clone())).expect("a hello")).await;
        postcard::from_bytes(&self.hear().await).expect("a verdict")
    }

    async fn wait_until_closed(mut self) {
        let mut rest = [0; 64];
        within("the connection is closed", async { while !matches!(self.stream.read(&mut rest).await, Ok(0) | Err(_)) {} }).await;
    }
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("not within {} s: {what}", PATIENCE.as_secs()))
}

/// Sends until the link takes it.
async fn send(peers: &Peers, to: u32, text: &str) {
    within("a link", async {
        while peers.send(NodeId(to), Bytes::from(text.to_owned())) == Sent::Not {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

async fn receive(peers: &Peers) -> Incoming {
    within("something to come in", peers.receive()).await
}

fn frame(from: u32, text: &str) -> Incoming {
    Incoming::Frame { from: NodeId(from), bytes: Bytes::from(text.to_owned()) }
}

#[tokio::test]
async fn frames_arrive_in_order_both_ways_and_batched() {
    let mut cluster = Cluster::new(2).await;
    let (a, b) = (cluster.start(0, LinkSettings::default()).await, cluster.start(1, LinkSettings::default()).await);
    send(&a, 1, "first").await;
    for number in 0..1_000 {
        assert_eq!(a.send(NodeId(1), Bytes::from(number.to_string())), Sent::Handed);
    }
    assert_eq!(receive(&b).await, frame(0, "first"));
    for number in 0..1_000 {
        assert_eq!(receive(&b).await, frame(0, &number.to_string()));
    }
    send(&b, 0, "back").await;
    assert_eq!(receive(&a).await, frame(1, "back"));
    assert_eq!(a.send(NodeId(0), Bytes::new()), Sent::Not, "a node has no link to itself");
    assert!(a.stats().writes.get() < 100, "{} writes for 1,001 frames", a.stats().writes.get());
}

#[tokio::test]
async fn a_restarted_peer_is_found_again_and_the_break_is_told_first() {
    let mut cluster = Cluster::new(2).await;
    let (a, b) = (cluster.start(0, LinkSettings::default()).await, cluster.start(1, LinkSettings::default()).await);
    send(&a, 1, "before").await;
    send(&b, 0, "hello").await;
    assert_eq!(receive(&b).await, frame(0, "before"));
    assert_eq!(receive(&a).await, frame(1, "hello"));

    b.shut_down();
    assert_eq!(receive(&a).await, Incoming::LinkDown(NodeId(1)));
    drop(b);
    let b = cluster.start(1, LinkSettings::default()).await;
    send(&a, 1, "after").await;
    assert_eq!(receive(&b).await, frame(0, "after"));
    send(&b, 0, "again").await;
    let told = within("the new process's frame", async {
        loop {
            match a.receive().await {
                Incoming::LinkDown(peer) => assert_eq!(peer, NodeId(1)),
                frame => return frame,
            }
        }
    });
    assert_eq!(told.await, frame(1, "again"));
}

#[tokio::test]
async fn liars_are_told_why_and_the_others_go_on() {
    let mut cluster = Cluster::new(3).await;
    let b = cluster.start(1, LinkSettings::default()).await;
    let c = cluster.start(2, LinkSettings::default()).await;
    let truth = cluster.hello();
    let ours = cluster.config.cluster();
    let lies = [
        (Hello { cluster: 7, ..truth.clone() }, Refused::OtherCluster { theirs: 7, ours }),
        (Hello { from: NodeId(8), ..truth.clone() }, Refused::UnknownNode(NodeId(8), truth.address.clone())),
        (Hello { address: "x:1".to_owned(), ..truth.clone() }, Refused::UnknownNode(NodeId(0), "x:1".to_owned())),
        (Hello { to: NodeId(2), ..truth.clone() }, Refused::NotMe { meant: NodeId(2), is: NodeId(1) }),
    ];
    let count = lies.len() as u64;
    for (lie, refused) in lies {
        let mut caller = cluster.call().await;
        assert_eq!(caller.greet(&lie).await, Err(refused));
        caller.stream.shutdown().await.expect("still open");
        caller.wait_until_closed().await;
    }
    send(&c, 1, "unharmed").await;
    assert_eq!(receive(&b).await, frame(2, "unharmed"));
    within("all are counted", async {
        while b.stats().refused.get() < count {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(b.stats().bad_frames.get(), 0);
}

/// A frame whose header says what it likes.
fn forged(length: u32, version: u8, checksum: u32, payload: &[u8]) -> Vec<u8> {
    [&length.to_le_bytes()[..], &[version], &checksum.to_le_bytes(), &checksum.to_le_bytes(), payload].concat()
}

#[tokio::test]
async fn a_bad_frame_ends_its_connection_alone_and_is_counted() {
    let mut cluster = Cluster::new(3).await;
    let b = cluster.start(1, LinkSettings::default()).await;
    let c = cluster.start(2, LinkSettings::default()).await;
    send(&c, 1, "before").await;
    assert_eq!(receive(&b).await, frame(2, "before"));
    let too_long = u32::try_from(PAYLOAD_BYTES_CAP + 1).expect("the cap is below 4 GiB");
    let mut cut = BytesMut::new();
    encode_frame(b"cut short", &mut cut).expect("a short frame");
    let bad_frames = [
        forged(3, FRAME_VERSION, 0xdead_beef, b"bad"),
        forged(too_long, FRAME_VERSION, 0, b""),
        forged(3, FRAME_VERSION + 1, 0, b"bad"),
        cut[..HEADER_BYTES + 3].to_vec(),
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
    ];
    for (earlier, bad_frame) in (0..).zip(bad_frames) {
        let mut caller = cluster.call().await;
        caller.greet(&cluster.hello()).await.expect("the truth is let in");
        caller.say(b"good").await;
        caller.stream.write_all(&bad_frame).await.expect("the other end reads");
        caller.stream.shutdown().await.expect("still open");
        assert_eq!(receive(&b).await, frame(0, "good"));
        assert_eq!(receive(&b).await, Incoming::LinkDown(NodeId(0)));
        caller.wait_until_closed().await;
        within("it is counted", async {
            while b.stats().bad_frames.get() == earlier {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    send(&c, 1, "after").await;
    assert_eq!(receive(&b).await, frame(2, "after"), "and no break of that link was told before");
}

#[tokio::test]
async fn a_stranger_may_not_send_a_long_first_frame() {
    let mut cluster = Cluster::new(2).await;
    let b = cluster.start(1, LinkSettings::default()).await;
    let mut caller = cluster.call().await;
    let length = u32::try_from(HELLO_BYTES_CAP + 1).expect("a small cap");
    caller.stream.write_all(&forged(length, FRAME_VERSION, 0, b"")).await.expect("the other end reads");
    caller.wait_until_closed().await;
    within("it is counted", async {
        while b.stats().bad_frames.get() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_newer_connection_of_a_peer_ends_the_older_one() {
    let mut cluster = Cluster::new(2).await;
    let b = cluster.start(1, LinkSettings::default()).await;
    let (mut old, mut new) = (cluster.call().await, cluster.call().await);
    old.greet(&cluster.hello()).await.expect("let in");
    old.say(b"old").await;
    assert_eq!(receive(&b).await, frame(0, "old"));
    new.greet(&cluster.hello()).await.expect("let in");
    new.say(b"new").await;
    assert_eq!(receive(&b).await, Incoming::LinkDown(NodeId(0)));
    assert_eq!(receive(&b).await, frame(0, "new"));
    old.wait_until_closed().await;
}

#[tokio::test]
async fn a_node_that_takes_nothing_holds_its_senders_back() {
    let bounds = LinkSettings {
        queue: QueueBounds { frames: 64, bytes: 32 << 20 },
        inbox: InboxBounds { frames: 8, bytes: 1 << 20 },
        // Held back is not broken: here the link must stand.
        link_timeout_ms: 60_000,
    };
    let mut cluster = Cluster::new(2).await;
    let (a, b) = (cluster.start(0, bounds).await, cluster.start(1, bounds).await);
    send(&a, 1, "first").await;
    let block = Bytes::from(vec![7; 256 << 10]);
    let mut handed = 0;
    // What the sockets' buffers hold is the kernel's affair; a queue that stays full for this long is held back.
    let mut refused_in_a_row = 0;
    while refused_in_a_row < 100 {
        match a.send(NodeId(1), block.clone()) {
            Sent::Handed => (handed, refused_in_a_row) = (handed + 1, 0),
            Sent::Not => {
                refused_in_a_row += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        assert!(handed < 4_000, "nothing holds the sender back");
    }
    assert!(b.stats().received_frames.get() <= 8 + 2, "the reader went on reading");
    assert_eq!(receive(&b).await, frame(0, "first"));
    for _ in 0..handed {
        assert_eq!(receive(&b).await, Incoming::Frame { from: NodeId(0), bytes: block.clone() });
    }
}

/// A stopped process still has a kernel that accepts and acknowledges, until its buffers are full.
#[tokio::test]
async fn a_peer_that_takes_nothing_for_too_long_is_let_go() {
    let mut cluster = Cluster::new(2).await;
    let listener = cluster.listeners.remove(&NodeId(1)).expect("not started");
    let a = cluster.start(0, LinkSettings { link_timeout_ms: 300, ..LinkSettings::default() }).await;
    let (stream, _) = within("a call", listener.accept()).await.expect("a connection");
    let mut silent = Caller { stream, decoder: FrameDecoder::new(HELLO_BYTES_CAP) };
    let Ok(Greeting::Link(hello)) = postcard::from_bytes(&silent.hear().await) else { panic!("no hello") };
    assert_eq!(hello, Hello { incarnation: hello.incarnation, ..cluster.hello() });
    silent.say(&postcard::to_stdvec(&Verdict::Ok(Incarnation(2))).expect("a verdict")).await;
    send(&a, 1, "into the void").await;
    let block = Bytes::from(vec![7; 1 << 20]);
    let flood = async {
        loop {
            a.send(NodeId(1), block.clone());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let told = within("the break", async {
        tokio::select! {
            biased;
            told = a.receive() => told,
            () = flood => unreachable!("it floods for ever"),
        }
    });
    assert_eq!(told.await, Incoming::LinkDown(NodeId(1)));
}
