//! [`Env`] for production.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use tokio::{net::TcpListener, runtime, sync::watch, task::JoinSet, time};

use super::{
    disk::FolderDisk,
    peers::{PeerOptions, Peers, random},
    stats::LinkStats,
};
use crate::{
    id::NodeId,
    node::Now,
    placement::Config,
    runtime::{Env, Incoming, Sent},
};

/// One process's incarnation of one node.
#[derive(Debug, Clone)]
pub struct TokioEnv(Arc<World>);

#[derive(Debug)]
struct World {
    runtime: runtime::Handle,
    started: Instant,
    peers: Peers,
    disk: FolderDisk,
    tasks: Mutex<JoinSet<()>>,
    ended: watch::Sender<bool>,
}

impl TokioEnv {
    /// Begins to call and hear peers, from within a tokio runtime that has timers and a network.
    pub fn start(listener: TcpListener, options: &PeerOptions, disk: FolderDisk) -> Self {
        Self(Arc::new(World {
            runtime: runtime::Handle::current(),
            started: Instant::now(),
            peers: Peers::start(listener, options),
            disk,
            tasks: Mutex::default(),
            ended: watch::Sender::new(false),
        }))
    }

    /// What the links to peers count.
    pub fn link_stats(&self) -> &Arc<LinkStats> {
        self.0.peers.stats()
    }

    /// Ends the incarnation, as a crash would: every link breaks, every task ends where it waits.
    pub fn shut_down(&self) {
        self.0.peers.shut_down();
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
        self.0.ended.send_replace(true);
    }
}

impl Env for TokioEnv {
    type Disk = FolderDisk;

    fn now(&self) -> Now {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { monotonic_us: micros(self.0.started.elapsed()), wall_ms: micros(since_epoch) / 1_000 }
    }

    async fn sleep_until(&self, monotonic_us: u64) {
        let Some(until) = self.0.started.checked_add(Duration::from_micros(monotonic_us)) else {
            return std::future::pending().await;
        };
        time::sleep_until(until.into()).await;
    }

    fn random(&self) -> u64 {
        random()
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(task, &self.0.runtime);
    }

    /// On a thread of its own.
    fn spawn_disk(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut ended = self.0.ended.subscribe();
        let run = move || {
            let own = runtime::Builder::new_current_thread().enable_time().build().expect("a thread may wait for timers");
            own.block_on(async {
                tokio::select! {
                    biased;
                    _ = ended.wait_for(|ended| *ended) => {}
                    () = task => {}
                }
            });
        };
        thread::Builder::new().name("disk".to_owned()).spawn(run).expect("a thread for the disk can be started");
    }

    fn send(&self, to: NodeId, frame: Bytes) -> Sent {
        self.0.peers.send(to, frame)
    }

    async fn receive(&self) -> Incoming {
        self.0.peers.receive().await
    }

    fn adopted(&self, config: &Arc<Config>) {
        self.0.peers.adopt(config);
    }

    fn disk(&self) -> FolderDisk {
        self.0.disk.clone()
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
