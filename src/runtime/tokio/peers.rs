//! All links of a node: one outgoing connection per peer, one listener for theirs. Peers come and go with the config.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use rand::{TryRng, rngs::SysRng};
use tokio::{net::TcpListener, task::JoinSet};

use super::{
    hello::Hello,
    inbox::{Inbox, InboxBounds, Outlet, inbox},
    link::Link,
    listen::Listener,
    peer_address,
    queue::{Queue, QueueBounds},
    stats::LinkStats,
    tls::PeerTls,
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
    /// Who belongs to the cluster, as far as is known at the start.
    pub config: Arc<Config>,
    /// Which of them this node is.
    pub me: Member,
    /// Where nodes listen for their peers, by their address, if that is not 10000 ports above it.
    pub addresses: BTreeMap<String, String>,
    /// Bounds.
    pub links: LinkSettings,
    /// What this node proves itself with, and asks of the others; in clear without.
    pub tls: Option<PeerTls>,
}

/// All links of a node. They end when this is dropped or shut down.
#[derive(Debug)]
pub struct Peers {
    links: Arc<Links>,
    outlet: Outlet,
}

/// What the listener and the outgoing links share.
#[derive(Debug)]
pub(super) struct Links {
    options: PeerOptions,
    pub(super) incarnation: Incarnation,
    pub(super) inbox: Inbox,
    pub(super) stats: Arc<LinkStats>,
    config: RwLock<Arc<Config>>,
    queues: RwLock<BTreeMap<NodeId, Arc<Queue>>>,
    tasks: Mutex<JoinSet<()>>,
}

impl Peers {
    /// Calls every peer and listens for their calls, from within a tokio runtime.
    pub fn start(listener: TcpListener, options: &PeerOptions) -> Self {
        let (inbox, outlet) = inbox(options.links.inbox);
        let links = Arc::new(Links {
            options: options.clone(),
            incarnation: Incarnation(random()),
            inbox,
            stats: Arc::default(),
            config: RwLock::new(options.config.clone()),
            queues: RwLock::default(),
            tasks: Mutex::default(),
        });
        links.tasks().spawn(Listener::new(links.clone()).run(listener));
        let peers = Self { links, outlet };
        peers.adopt(&options.config);
        peers
    }

    /// Who belongs to the cluster from now on: whoever is new is called and let in. From within the same runtime.
    pub fn adopt(&self, config: &Arc<Config>) {
        *self.links.config.write().unwrap_or_else(PoisonError::into_inner) = config.clone();
        for member in config.members().iter().filter(|member| !member.removed) {
            self.links.reach(member.node);
        }
    }

    /// Hands a frame to the link to a peer. Never waits.
    pub fn send(&self, to: NodeId, frame: Bytes) -> Sent {
        let queues = self.links.queues.read().unwrap_or_else(PoisonError::into_inner);
        let sent = queues.get(&to).map_or(Sent::Not, |queue| queue.push(frame));
        match sent {
            Sent::Handed => self.links.stats.handed_frames.add(1),
            Sent::Not => self.links.stats.not_sent_frames.add(1),
        }
        sent
    }

    /// The next thing that comes in. Cancel-safe.
    pub async fn receive(&self) -> Incoming {
        self.outlet.take().await
    }

    /// What the links count.
    pub fn stats(&self) -> &Arc<LinkStats> {
        &self.links.stats
    }

    /// Breaks every link and stops listening.
    pub fn shut_down(&self) {
        self.links.tasks().abort_all();
        self.links.queues.read().unwrap_or_else(PoisonError::into_inner).values().for_each(|queue| queue.close());
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        self.shut_down();
    }
}

impl Links {
    /// Who belongs to the cluster.
    pub(super) fn config(&self) -> Arc<Config> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Which node this is.
    pub(super) fn me(&self) -> NodeId {
        self.options.me.node
    }

    /// What this node proves itself with.
    pub(super) fn tls(&self) -> Option<&PeerTls> {
        self.options.tls.as_ref()
    }

    /// How long data may stay unacknowledged.
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_millis(self.options.links.link_timeout_ms)
    }

    /// Calls a peer, if it is not called already.
    pub(super) fn reach(self: &Arc<Self>, peer: NodeId) {
        let config = self.config();
        let Some(member) = config.member(peer).filter(|_| peer != self.me()) else { return };
        let Some(address) = self.address_of(member) else { return };
        let mut queues = self.queues.write().unwrap_or_else(PoisonError::into_inner);
        if queues.contains_key(&peer) {
            return;
        }
        let queue = Arc::new(Queue::new(self.options.links.queue));
        queues.insert(peer, queue.clone());
        let hello = Hello {
            cluster: config.cluster(),
            from: self.me(),
            address: self.options.me.address.clone(),
            to: peer,
            incarnation: self.incarnation,
        };
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        let peer = member.address.clone();
        tasks.spawn(Link { links: self.clone(), hello, peer, address, queue, seed: random() }.run());
    }

    /// Whether a peer was taken out of the view: it is called no more once its link has broken, until it calls itself.
    pub(super) fn let_go(&self, peer: NodeId) -> bool {
        // Under the lock of the queues, so that whoever wants to reach it meanwhile waits and then calls it anew.
        let mut queues = self.queues.write().unwrap_or_else(PoisonError::into_inner);
        let is_removed = self.config().member(peer).is_none_or(|member| member.removed);
        if is_removed {
            queues.remove(&peer);
        }
        is_removed
    }

    /// Where a peer listens; `None` for an address from which that does not follow.
    fn address_of(&self, member: &Member) -> Option<String> {
        let given = self.options.addresses.get(&member.address).cloned();
        given.or_else(|| peer_address(&member.address).ok())
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A random number from the operating system.
pub(super) fn random() -> u64 {
    SysRng.try_next_u64().expect("the operating system gives random numbers")
}
