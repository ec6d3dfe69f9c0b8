//! Links between nodes within TLS, over loopback: who proves itself is heard, and each lie is found out and harms nobody else.

#![expect(clippy::disallowed_methods, reason = "real links break and heal in real time")]

mod cluster;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use causeway::{
    id::{Epoch, Incarnation, NodeId},
    message::{Envelope, Frame, Gossip, Message},
    node::{Settings, Status},
    runtime::{
        Incoming, Sent, StartPlan,
        journal::JournalOptions,
        start,
        tokio::{
            Called, FRAME_VERSION, FolderDisk, Greeting, HELLO_BYTES_CAP, Hello, Introduction, PAYLOAD_BYTES_CAP, PeerTls, Peers,
            Refused, TokioEnv, encode_frame, who_belongs,
        },
    },
    store::Identity,
};
use cluster::{Caller, Cluster, PATIENCE, authority, frame, name, receive, refused, send, within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsAcceptor;

#[tokio::test]
async fn nodes_that_prove_themselves_are_heard_in_order() {
    let mut cluster = Cluster::new().await;
    let (a, b) = (cluster.start(0), cluster.start(1));
    send(&a, 1, "first").await;
    let block = Bytes::from(vec![7; 3 << 20]);
    for number in 0..200 {
        assert_eq!(a.send(NodeId(1), Bytes::from(number.to_string())), Sent::Handed);
    }
    assert_eq!(a.send(NodeId(1), block.clone()), Sent::Handed);
    assert_eq!(receive(&b).await, frame(0, "first"));
    for number in 0..200 {
        assert_eq!(receive(&b).await, frame(0, &number.to_string()));
    }
    assert_eq!(receive(&b).await, Incoming::Frame { from: NodeId(0), bytes: block });
    send(&b, 0, "back").await;
    assert_eq!(receive(&a).await, frame(1, "back"));
    b.shut_down();
    assert_eq!(receive(&a).await, Incoming::LinkDown(NodeId(1)));
}

#[tokio::test]
async fn a_node_is_told_who_belongs_and_an_impostor_is_not() {
    let mut cluster = Cluster::new().await;
    let b = cluster.start(1);
    let own = PeerTls::new(&cluster.own(0)).expect("files that fit");
    let (address, listens) = (name(1), cluster.addresses[&NodeId(1)].clone());
    let called = Called { address: &address, listens: &listens, tls: Some(&own) };
    let told = who_belongs(&called, &name(0), PATIENCE).await.expect("node 1 answers");
    assert_eq!(told, Introduction::Belongs(cluster.config.clone()));
    who_belongs(&called, &name(2), PATIENCE).await.expect_err("the certificate is node 0's");
    refused(&b, 1).await;
    let in_clear = Called { tls: None, ..called };
    who_belongs(&in_clear, &name(0), PATIENCE).await.expect_err("nothing is said in clear");
    refused(&b, 2).await;
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let mut cluster = Cluster::new().await;
    let (b, c) = (cluster.start(1), cluster.start(2));
    // It has the same name, and another key.
    let forged = cluster.credentials(&authority(), &name(0));
    if let Ok(mut caller) = cluster.call(&forged).await {
        assert_eq!(caller.greet(&cluster.hello()).await, None);
        caller.say(b"forged").await;
    }
    refused(&b, 1).await;
    cluster.is_unharmed(&b, &c).await;
}

#[tokio::test]
async fn a_certificate_of_another_node_is_refused() {
    let mut cluster = Cluster::new().await;
    let (b, c) = (cluster.start(1), cluster.start(2));
    for (count, other) in [(1, name(2)), (2, "node0:9999".to_owned())] {
        let shown = cluster.credentials(&cluster.authority, &other);
        let mut caller = cluster.call(&shown).await.expect("the authority's certificate");
        let verdict = caller.greet(&cluster.hello()).await.expect("a verdict");
        assert_eq!(verdict, Err(Refused::NotProven("the certificate does not name node0:8090".to_owned())));
        caller.say(b"forged").await;
        drop(caller);
        refused(&b, count).await;
    }
    cluster.is_unharmed(&b, &c).await;
}

#[tokio::test]
async fn a_caller_in_clear_is_refused() {
    let mut cluster = Cluster::new().await;
    let (b, c) = (cluster.start(1), cluster.start(2));
    let mut stream = TcpStream::connect(&cluster.addresses[&NodeId(1)]).await.expect("node 1 listens");
    let mut hello = BytesMut::new();
    let greeting = postcard::to_stdvec(&Greeting::Link(cluster.hello())).expect("a hello");
    encode_frame(&greeting, &mut hello).expect("a short frame");
    stream.write_all(&hello).await.expect("node 1 reads");
    let mut rest = Vec::new();
    let _closed_or_reset = within("it is closed", stream.read_to_end(&mut rest)).await;
    refused(&b, 1).await;
    cluster.is_unharmed(&b, &c).await;
}

/// Whoever listens where node 1 should, with a certificate of another node, is told nothing.
#[tokio::test]
async fn a_called_node_that_is_another_is_told_nothing() {
    let mut cluster = Cluster::new().await;
    let listener = cluster.listeners.remove(&NodeId(1)).expect("not started");
    let a = cluster.start(0);
    for other in [name(2), "node1:9999".to_owned()] {
        let shown = cluster.credentials(&cluster.authority, &other);
        let acceptor = TlsAcceptor::from(shown.peer_server().expect("files that fit"));
        let (stream, _) = within("a call", listener.accept()).await.expect("a connection");
        if let Ok(mut stream) = within("a handshake", acceptor.accept(stream)).await {
            let mut heard = Vec::new();
            let _closed_or_reset = within("it is closed", stream.read_to_end(&mut heard)).await;
            assert_eq!(heard, b"");
        }
    }
    assert_eq!(a.stats().connected.get(), 0);
    assert_eq!(a.send(NodeId(1), Bytes::from("secret")), Sent::Not);
}

#[tokio::test]
async fn another_cluster_is_refused() {
    let mut cluster = Cluster::new().await;
    let (b, c) = (cluster.start(1), cluster.start(2));
    let mut caller = cluster.call(&cluster.own(0)).await.expect("the authority's certificate");
    let ours = cluster.config.cluster();
    let verdict = caller.greet(&Hello { cluster: 7, ..cluster.hello() }).await.expect("a verdict");
    assert_eq!(verdict, Err(Refused::OtherCluster { theirs: 7, ours }));
    drop(caller);
    refused(&b, 1).await;
    cluster.is_unharmed(&b, &c).await;
}

/// A generation is over once a cluster was forced to go on without it: who is still in it proves itself, and is not heard.
#[tokio::test]
async fn an_older_generation_is_not_heard() {
    let mut cluster = Cluster::new().await;
    cluster.config = Arc::new(cluster.config.regenerated(1));
    let listener = cluster.listeners.remove(&NodeId(1)).expect("not started");
    let disk = FolderDisk::open(&cluster.folder.path().join("data")).expect("a new folder");
    let env = TokioEnv::start(listener, &cluster.options(1), disk);
    let identity = Identity { cluster: cluster.config.cluster(), node: name(1) };
    let plan = StartPlan {
        config: cluster.config.clone(),
        changes: None,
        me: NodeId(1),
        settings: Settings::default(),
        journal: JournalOptions::new(identity, 0),
        observed: false,
    };
    let node = start(env.clone(), plan).await.expect("an empty disk").handle;
    let caller = cluster.call(&cluster.own(0)).await.expect("the authority's certificate");
    let mut caller = caller.let_in(&cluster.hello()).await;
    let gossip = |epoch| {
        let message = Message::Gossip(Gossip {
            wall_ms: 0,
            heartbeats: Vec::new(),
            reports: Vec::new(),
            stable: Default::default(),
            down: Vec::new(),
            progress: Vec::new(),
        });
        postcard::to_stdvec(&Frame::Node(Envelope { epoch, incarnation: Incarnation(1), message })).expect("a message")
    };
    let status = async || node.status().await.expect("it runs");
    // The gossip says that it is 1970 there.
    let was_heard = |status: &Status| status.peers.iter().any(|peer| peer.node == NodeId(0) && peer.clock_ahead_ms < -1_000_000);
    let number = cluster.config.epoch().number;
    for count in 1..=3 {
        caller.say(&gossip(Epoch { generation: 0, number: number + 100 })).await;
        within("it is counted", async {
            while status().await.counters.stale_messages < count {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    assert!(!was_heard(&status().await));
    caller.say(&gossip(cluster.config.epoch())).await;
    within("the present generation is heard", async {
        while !was_heard(&status().await) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(status().await.counters.stale_messages, 3);
    env.shut_down();
}

/// Node 0 by hand, of which node 1 has heard one frame.
async fn heard_once(cluster: &Cluster, node1: &Peers) -> Caller {
    let caller = cluster.call(&cluster.own(0)).await.expect("the authority's certificate");
    let mut caller = caller.let_in(&cluster.hello()).await;
    caller.say(b"once").await;
    assert_eq!(receive(node1).await, frame(0, "once"));
    caller
}

/// Whoever sits between two nodes can send again what one of them sent.
#[tokio::test]
async fn what_is_sent_again_on_its_connection_breaks_it_and_is_not_heard_twice() {
    let mut cluster = Cluster::new().await;
    let (b, c) = (cluster.start(1), cluster.start(2));
    let mut caller = heard_once(&cluster, &b).await;
    let (socket, _) = caller.stream.get_mut();
    let record = socket.written.last().expect("something was written").clone();
    socket.stream.write_all(&record).await.expect("node 1 reads");
    assert_eq!(receive(&b).await, Incoming::LinkDown(NodeId(0)));
    assert_eq!(caller.hear().await, None);
    cluster.is_unharmed(&b, &c).await;
}

#[tokio::test]
async fn what_is_sent_again_on_another_connection_is_refused() {
    let mut cluster = Cluster::new().await;
    let (b, c) = (cluster.start(1), cluster.start(2));
    let mut caller = heard_once(&cluster, &b).await;
    let conversation = caller.stream.get_ref().0.written.concat();
    let mut again = TcpStream::connect(&cluster.addresses[&NodeId(1)]).await.expect("node 1 listens");
    again.write_all(&conversation).await.expect("node 1 reads");
    refused(&b, 1).await;
    caller.say(b"twice").await;
    assert_eq!(receive(&b).await, frame(0, "twice"), "the true connection stands");
    cluster.is_unharmed(&b, &c).await;
}

#[tokio::test]
async fn a_frame_over_the_cap_ends_its_connection_before_its_bytes_come() {
    let mut cluster = Cluster::new().await;
    let (b, c) = (cluster.start(1), cluster.start(2));
    for (cap, greets) in [(HELLO_BYTES_CAP, false), (PAYLOAD_BYTES_CAP, true)] {
        let bad_frames = b.stats().bad_frames.get();
        let mut caller = cluster.call(&cluster.own(0)).await.expect("the authority's certificate");
        if greets {
            caller = caller.let_in(&cluster.hello()).await;
        }
        let length = u32::try_from(cap + 1).expect("a cap below 4 GiB").to_le_bytes();
        let checksum = crc32c::crc32c(&[&length[..], &[FRAME_VERSION]].concat()).to_le_bytes();
        caller.say_raw(&[&length[..], &[FRAME_VERSION], &checksum, &checksum].concat()).await;
        assert_eq!(caller.hear().await, None);
        if greets {
            assert_eq!(receive(&b).await, Incoming::LinkDown(NodeId(0)));
        }
        within("it is counted", async {
            while b.stats().bad_frames.get() == bad_frames {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    cluster.is_unharmed(&b, &c).await;
}
