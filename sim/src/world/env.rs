//! The simulated world as one process sees it.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use causeway::{
    id::NodeId,
    node::{Event, Now},
    runtime::{Env, Incoming, Sent},
};

use super::{World, disk::ProcessDisk, life::Life, row};

/// One incarnation of one node. Once its process is dead, nothing that is done through it has any effect.
#[derive(Clone)]
pub struct SimEnv {
    pub(super) world: Arc<World>,
    pub(super) node: NodeId,
    pub(super) life: Arc<Life>,
    /// The node's own time when the process started: its monotonic clock starts at 0.
    pub(super) started_us: u64,
}

impl SimEnv {
    /// Which node it is.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Whether its process still lives.
    pub fn lives(&self) -> bool {
        self.life.lives()
    }
}

impl Env for SimEnv {
    type Disk = ProcessDisk;

    fn now(&self) -> Now {
        let (local_us, wall_ms) = self.world.read_clock(self.node);
        Now { monotonic_us: local_us - self.started_us, wall_ms }
    }

    fn sleep_until(&self, monotonic_us: u64) -> impl Future<Output = ()> + Send {
        let local_us = self.started_us.saturating_add(monotonic_us);
        Sleep { world: self.world.clone(), until: Until::Local(local_us), node: Some(self.node), ticket: None }
    }

    fn random(&self) -> u64 {
        self.life.random(self.world.streams.at(self.world.now_us()))
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if self.life.lives() {
            self.life.tasks.spawn(task);
        }
    }

    fn spawn_disk(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn(task);
    }

    fn send(&self, to: NodeId, frame: Bytes) -> Sent {
        if self.life.lives() { self.world.send(self.node, to, frame) } else { Sent::Not }
    }

    async fn receive(&self) -> Incoming {
        poll_fn(|context| self.world.poll_receive(self.node, self.life.incarnation(), context)).await
    }

    fn disk(&self) -> ProcessDisk {
        ProcessDisk::new(self.world.disks[row(self.node)].clone(), self.life.clone(), self.world.clone())
    }

    fn observe(&self, event: &Event) {
        if self.life.lives() {
            self.world.observe(self.node, event);
        }
    }
}

/// When a sleep ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    /// At a true time.
    True(u64),
    /// When the clock of the node shows this.
    Local(u64),
    /// When it is its turn on the node, if that is slow; else at once.
    Turn,
}

/// Waits in the world's agenda.
pub(super) struct Sleep {
    pub world: Arc<World>,
    pub until: Until,
    /// Where it sleeps: on a slow node it wakes late.
    pub node: Option<NodeId>,
    pub ticket: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let sleep = &mut *self;
        sleep.world.poll_sleep((sleep.until, sleep.node), &mut sleep.ticket, context)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.world.cancel_sleep(ticket);
        }
    }
}
