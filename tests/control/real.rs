//! The same room in the real world: three members over loopback, with files.

#![expect(clippy::disallowed_methods, reason = "this world has real time")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    sync::Arc,
    time::{Duration, Instant},
};

use causeway::{
    id::NodeId,
    placement::{Config, Founding},
    runtime::{
        Env, Incoming,
        control::{
            self, Control, ControlLinks, ControlLog, ControlPlan, ControlSettings, Liveness, OperationId, Proposal,
            sample::Sample,
        },
        tokio::{FolderDisk, LinkSettings, PeerOptions, TokioEnv},
    },
};
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::mpsc,
};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Real {
    config: Arc<Config>,
    addresses: BTreeMap<NodeId, String>,
    folder: TempDir,
    running: BTreeMap<NodeId, (TokioEnv, Control<Sample>)>,
}

impl Real {
    async fn new(count: usize) -> Self {
        let (mut view, mut held) = (vec![], vec![]);
        for _ in 0..count {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            view.push(listener.local_addr().expect("bound").to_string());
            held.push(listener);
        }
        let config = Config::found(&Founding { view, shard_count: 1 }).expect("one shard");
        let addresses = config.members().iter().map(|member| (member.node, member.address.clone())).collect();
        let folder = tempfile::tempdir().expect("a folder");
        Self { config: Arc::new(config), addresses, folder, running: BTreeMap::new() }
    }

    fn nodes(&self) -> BTreeSet<NodeId> {
        self.addresses.keys().copied().collect()
    }

    async fn start(&mut self, node: NodeId) {
        let listener = in_time(|| listen(&self.addresses[&node])).await;
        let options = PeerOptions {
            config: self.config.clone(),
            me: self.config.member(node).expect("a member").clone(),
            addresses: self.addresses.values().map(|address| (address.clone(), address.clone())).collect(),
            links: LinkSettings::default(),
            tls: None,
        };
        let folder = self.folder.path().join(node.to_string());
        let disk = in_time(|| FolderDisk::open(&folder)).await;
        let env = TokioEnv::start(listener, &options, disk);
        let (to_room, incoming) = mpsc::unbounded_channel();
        let (links, ear) = (env.clone(), env.clone());
        let send = Arc::new(move |to, frame| {
            let _ = links.send(to, frame);
        });
        let first = Sample::first(&format!("first by {node}"));
        let plan = ControlPlan { me: node, listed: self.nodes(), first: Some(first), settings: ControlSettings::default() };
        let control = control::start(&env, plan, ControlLinks { send, incoming });
        env.spawn(async move {
            loop {
                if let Incoming::Frame { from, bytes } = ear.receive().await {
                    let _ = to_room.send((from, bytes));
                }
            }
        });
        control.members(self.nodes().into_iter().map(|node| (node, Liveness::Up)).collect());
        self.running.insert(node, (env, control));
    }

    fn kill(&mut self, node: NodeId) {
        if let Some((env, _)) = self.running.remove(&node) {
            env.shut_down();
        }
    }

    async fn until(&self, what: &str, holds: impl Fn(&Control<Sample>) -> bool) {
        let limit = Instant::now() + PATIENCE;
        while !self.running.values().all(|(_, control)| holds(control)) {
            assert!(Instant::now() < limit, "{what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Has a change made, however often that takes.
    async fn make(&self, node: NodeId, text: &str) {
        let control = &self.running[&node].1;
        let limit = Instant::now() + PATIENCE;
        loop {
            let expected = control.current().map(|state| state.epoch).unwrap_or_default();
            // No two texts here have the same length.
            let proposal = Proposal { operation: OperationId(text.len() as u128), expected, change: text.to_owned() };
            match control.propose(proposal).await {
                Ok(_) => return,
                Err(error) => assert!(Instant::now() < limit, "{error}"),
            }
        }
    }
}

fn listen(address: &str) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address.parse().expect("an address of this test"))?;
    socket.listen(16)
}

/// What the process before held is free soon after its end, not at once.
async fn in_time<T, E: Display>(attempt: impl Fn() -> Result<T, E>) -> T {
    let limit = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Ok(done) => return done,
            Err(error) => assert!(Instant::now() < limit, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_members_decide_lose_their_leader_and_take_it_back() {
    let mut real = Real::new(3).await;
    for node in real.nodes() {
        real.start(node).await;
    }
    real.until("a first state, and three voters", |control| control.current().is_some() && control.status().voters.len() == 3)
        .await;
    for (number, node) in real.nodes().into_iter().enumerate() {
        real.make(node, &"x".repeat(number + 1)).await;
    }
    real.until("all have the third", |control| control.current().is_some_and(|state| state.text == "xxx")).await;
    real.until("all know who leads", |control| control.status().leader.is_some()).await;
    let leader = real.running[&NodeId(0)].1.status().leader.expect("all know").node;
    real.kill(leader);
    let other = *real.running.keys().next().expect("two run");
    real.make(other, "without the leader").await;
    real.start(leader).await;
    real.until("all have it", |control| control.current().is_some_and(|state| state.text == "without the leader")).await;
    let mut watch = real.running[&leader].1.watch(None);
    let texts: Vec<String> = std::iter::from_fn(|| watch.try_changed()).map(|state| state.text.clone()).collect();
    assert_eq!(texts[1..], ["x", "xx", "xxx", "without the leader"]);
    real.running[&other].1.stop().await;
    for node in real.nodes() {
        real.kill(node);
    }
}
