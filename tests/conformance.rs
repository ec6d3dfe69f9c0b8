//! Both worlds keep the promises written on `Env`, `Disk` and `DiskFile`: the same checks run against each.

#![expect(clippy::disallowed_methods, reason = "one of the two worlds has real time")]

use std::sync::Arc;

use causeway::{
    id::NodeId,
    placement::{Config, Founding},
    runtime::tokio::{FolderDisk, LinkSettings, PeerOptions, TokioEnv},
};
use causeway_sim::{
    conformance::{self, Stage},
    conformance_checks,
    seeded::run_seeded,
    trace::Trace,
    world::{Death, SimEnv, World},
};

mod simulated {
    use super::*;

    struct Simulated(Arc<World>);

    impl Stage for Simulated {
        type Env = SimEnv;

        async fn start(&mut self, node: NodeId) -> SimEnv {
            self.0.boot(node)
        }

        async fn kill(&mut self, node: NodeId) {
            self.0.end(node, Death::Kill);
        }
    }

    macro_rules! check {
        ($name:ident) => {
            #[test]
            fn $name() {
                for seed in 0..20 {
                    run_seeded(seed, None, async |streams| {
                        let mut stage = Simulated(World::start(2, streams, Trace::default()));
                        conformance::$name(&mut stage).await;
                    });
                }
            }
        };
    }

    conformance_checks!(check);
}

mod real {
    use std::{
        collections::BTreeMap,
        fmt::Display,
        time::{Duration, Instant},
    };

    use tempfile::TempDir;
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    /// Two nodes on loopback, each with a folder of its own.
    struct Real {
        config: Arc<Config>,
        addresses: BTreeMap<NodeId, String>,
        folder: TempDir,
        running: BTreeMap<NodeId, TokioEnv>,
    }

    impl Real {
        async fn new() -> Self {
            let mut view = vec![];
            // Both are held while they are chosen, so that they differ.
            let mut listeners = vec![];
            for _ in 0..2 {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                view.push(listener.local_addr().expect("a bound address").to_string());
                listeners.push(listener);
            }
            let config = Config::found(&Founding { view, shard_count: 1 }).expect("two nodes hold a shard");
            let addresses = config.members().iter().map(|member| (member.node, member.address.clone())).collect();
            let folder = tempfile::tempdir().expect("a folder");
            Self { config: Arc::new(config), addresses, folder, running: BTreeMap::new() }
        }
    }

    impl Stage for Real {
        type Env = TokioEnv;

        async fn start(&mut self, node: NodeId) -> TokioEnv {
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
            self.running.insert(node, env.clone());
            env
        }

        async fn kill(&mut self, node: NodeId) {
            if let Some(env) = self.running.remove(&node) {
                env.shut_down();
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
        let limit = Instant::now() + Duration::from_secs(10);
        loop {
            match attempt() {
                Ok(done) => return done,
                Err(error) => assert!(Instant::now() < limit, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    macro_rules! check {
        ($name:ident) => {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                conformance::$name(&mut Real::new().await).await;
            }
        };
    }

    conformance_checks!(check);
}
