//! One incarnation: a process from its start to its death.
//!
//! After a kill and a restart at the same moment the new process can run before the destructors of the old one. So everything that
//! a process does to the world asks first whether the process still lives.

use std::{
    future::pending,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use causeway::id::NodeId;
use madsim::runtime::NodeHandle;

use crate::streams::{Moment, Purpose, Streams};

/// When a process started, and as which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Birth {
    /// Counts all processes of a world, from 1.
    incarnation: u64,
    /// True time.
    at_us: u64,
    /// Counts the processes of one node that start at the same time.
    count: u64,
}

/// Numbers the processes of a world.
pub(super) struct Births {
    incarnations: u64,
    moments: Vec<Moment>,
}

impl Births {
    /// None yet, of so many nodes.
    pub fn new(nodes: usize) -> Self {
        Self { incarnations: 0, moments: vec![Moment::default(); nodes] }
    }

    /// A process of a node starts.
    pub fn next(&mut self, node: usize, at_us: u64) -> Birth {
        self.incarnations += 1;
        Birth { incarnation: self.incarnations, at_us, count: self.moments[node].next(at_us) }
    }
}

/// Whether a process lives, and where its tasks run.
pub(super) struct Life {
    pub node: NodeId,
    birth: Birth,
    lives: AtomicBool,
    /// How many random numbers it has had.
    draws: AtomicU64,
    /// One madsim node for each process: madsim kills and pauses by node.
    pub tasks: NodeHandle,
}

impl Life {
    pub fn new(node: NodeId, birth: Birth, tasks: NodeHandle) -> Self {
        Self { node, birth, lives: AtomicBool::new(true), draws: AtomicU64::new(0), tasks }
    }

    /// Its number among all processes of the world.
    pub fn incarnation(&self) -> u64 {
        self.birth.incarnation
    }

    pub fn lives(&self) -> bool {
        self.lives.load(Ordering::Relaxed)
    }

    pub fn end(&self) {
        self.lives.store(false, Ordering::Relaxed);
    }

    /// The process's next random number.
    pub fn random(&self, streams: Streams) -> u64 {
        let draw = self.draws.fetch_add(1, Ordering::Relaxed);
        streams.keyed(Purpose::Node, [self.node.0.into(), self.birth.at_us, self.birth.count, draw]).number()
    }

    /// Returns if the process lives; else waits for ever, until its task is dropped.
    pub async fn or_never(&self) {
        if !self.lives() {
            pending().await
        }
    }
}
