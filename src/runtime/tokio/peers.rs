//! All links of a node: one outgoing connection per peer, one listener for theirs.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use rand::{TryRng, rngs::SysRng};
use tokio::{net::TcpListener, task::JoinSet};

use super::{
    hello::Hello,
    inbox::{InboxBounds, Outlet, inbox},
    link::Link,
    listen::Listener,
    queue::{Queue, QueueBounds},
    stats::LinkStats,
};
use crate::{
    id::{Incarnation, NodeId},
    placement::{Config, Member},
    runtime::{Incoming, Sent},
};

/// How links are held to their bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkSettings {
    /// What may wait for each peer.
    pub queue: QueueBounds,
    /// What may wait for the node.
    pub inbox: InboxBounds,
    /// How long sent data may stay unacknowledged, or a connect unanswered, before the link counts as broken.
    pub link_timeout_ms: u64,
}

impl Default for LinkSettings {
    fn default() -> Self {
        Self {
            queue: QueueBounds { frames: 16_384, bytes: 64 << 20 },
            inbox: InboxBounds { frames: 4_096, bytes: 64 << 20 },
            link_timeout_ms: 500,
        }
    }
}

/// What a node needs to know to reach its peers.
#[derive(Debug, Clone)]
pub struct PeerOptions {
    /// Who belongs to the cluster.
    pub config: Arc<Config>,
    /// Which of them this node is.
    pub me: Member,
    /// `HOST:PORT` where each node listens for its peers.
    pub addresses: BTreeMap<NodeId, String>,
    /// Bounds.
    pub links: LinkSettings,
}

/// All links of a node. They end when this is dropped or shut down.
#[derive(Debug)]
pub struct Peers {
    queues: BTreeMap<NodeId, Arc<Queue>>,
    outlet: Outlet,
    stats: Arc<LinkStats>,
    tasks: Mutex<JoinSet<()>>,
}

impl Peers {
    /// Calls every peer and listens for their calls, from within a tokio runtime.
    pub fn start(listener: TcpListener, options: &PeerOptions) -> Self {
        let PeerOptions { config, me, addresses, links } = options;
        let stats = Arc::new(LinkStats::default());
        let (inbox, outlet) = inbox(links.inbox);
        let link_timeout = Duration::from_millis(links.link_timeout_ms);
        let incarnation = Incarnation(random());
        let hello = |to| Hello {
            cluster: config.cluster(),
            from: me.node,
            address: me.address.clone(),
            to,
            incarnation,
            epoch: config.epoch(),
        };
        let mut tasks = JoinSet::new();
        let incoming = Listener::new(&hello(me.node), config.clone(), link_timeout, inbox.clone(), stats.clone());
        tasks.spawn(incoming.run(listener));
        let mut queues = BTreeMap::new();
        for (peer, address) in addresses.iter().filter(|(peer, _)| **peer != me.node) {
            let queue = Arc::new(Queue::new(links.queue));
            queues.insert(*peer, queue.clone());
            let (inbox, stats) = (inbox.clone(), stats.clone());
            let (hello, address, seed) = (hello(*peer), address.clone(), random());
            tasks.spawn(Link { hello, address, queue, inbox, stats, link_timeout, seed }.run());
        }
        Self { queues, outlet, stats, tasks: Mutex::new(tasks) }
    }

    /// Hands a frame to the link to a peer. Never waits.
    pub fn send(&self, to: NodeId, frame: Bytes) -> Sent {
        let sent = self.queues.get(&to).map_or(Sent::Not, |queue| queue.push(frame));
        match sent {
            Sent::Handed => self.stats.handed_frames.add(1),
            Sent::Not => self.stats.not_sent_frames.add(1),
        }
        sent
    }

    /// The next thing that comes in. Cancel-safe.
    pub async fn receive(&self) -> Incoming {
        self.outlet.take().await
    }

    /// What the links count.
    pub fn stats(&self) -> &Arc<LinkStats> {
        &self.stats
    }

    /// Breaks every link and stops listening.
    pub fn shut_down(&self) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
        self.queues.values().for_each(|queue| queue.close());
    }
}

/// A random number from the operating system.
pub(super) fn random() -> u64 {
    SysRng.try_next_u64().expect("the operating system gives random numbers")
}
