//! One incarnation: a process from its start to its death.
//!
//! After a kill and a restart at the same moment the new process can run before the destructors of the old one. So everything that
//! a process does to the world asks first whether the process still lives.

use std::{
    future::pending,
    sync::atomic::{AtomicBool, Ordering},
};

use madsim::runtime::NodeHandle;

/// Whether a process lives, and where its tasks run.
pub(super) struct Life {
    /// Counts all processes of a world, from 1.
    pub incarnation: u64,
    lives: AtomicBool,
    /// One madsim node for each process: madsim kills and pauses by node.
    pub tasks: NodeHandle,
}

impl Life {
    pub fn new(incarnation: u64, tasks: NodeHandle) -> Self {
        Self { incarnation, lives: AtomicBool::new(true), tasks }
    }

    pub fn lives(&self) -> bool {
        self.lives.load(Ordering::Relaxed)
    }

    pub fn end(&self) {
        self.lives.store(false, Ordering::Relaxed);
    }

    /// Returns if the process lives; else waits for ever, until its task is dropped.
    pub async fn or_never(&self) {
        if !self.lives() {
            pending().await
        }
    }
}
