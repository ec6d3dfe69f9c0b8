//! The way into a running node, for HTTP and for tests.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::{mpsc, oneshot};

use crate::{
    clock::Hlc,
    error::Refusal,
    id::{ShardId, Slot},
    node::{BackupPart, NoBackup, Reply, Request, Status},
    placement::Config,
    store::SetAside,
};

/// What the driver is asked.
#[derive(Debug)]
pub enum Call {
    /// A client's request.
    Request {
        /// What for.
        request: Request,
        /// Where its answer goes.
        reply: oneshot::Sender<Reply>,
    },
    /// The node's state.
    Status(oneshot::Sender<Status>),
    /// What the node keeps aside.
    SetAside(oneshot::Sender<Vec<SetAside>>),
    /// A part of a backup.
    Backup(BackupCall),
    /// Stop cleanly: answer what waits, make everything durable, end. Answered when that is done.
    Stop(oneshot::Sender<()>),
}

/// What the driver is asked about a backup at a time.
#[derive(Debug)]
pub enum BackupCall {
    /// To begin it.
    Begin(Hlc, oneshot::Sender<Result<ShardId, NoBackup>>),
    /// Its slots from one on.
    Part {
        /// The time.
        at: Hlc,
        /// The first slot.
        from: Slot,
        /// About how many bytes of them.
        bytes: u64,
        /// Where they go.
        reply: oneshot::Sender<Result<BackupPart, NoBackup>>,
    },
    /// To end it.
    End(Hlc),
}

/// A cheap, shared way into one running node.
#[derive(Debug, Clone)]
pub struct Handle {
    calls: mpsc::Sender<Call>,
    config: Arc<RwLock<Arc<Config>>>,
    draining: Arc<AtomicBool>,
}

impl Handle {
    /// A handle and the end where its calls come out. More than `bound` calls at once are refused as overload.
    pub fn new(config: Arc<Config>, bound: usize) -> (Self, mpsc::Receiver<Call>) {
        let (calls, receiver) = mpsc::channel(bound);
        (Self { calls, config: Arc::new(RwLock::new(config)), draining: Arc::default() }, receiver)
    }

    /// The placement that the node works by now.
    pub fn config(&self) -> Arc<Config> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The node works by another placement from now on.
    pub(super) fn adopted(&self, config: Arc<Config>) {
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    /// Has a request done.
    ///
    /// # Errors
    /// The node's refusal, [`Refusal::Overloaded`] when too much waits already, [`Refusal::Stopping`] when the node is gone.
    pub async fn ask(&self, request: Request) -> Reply {
        let (reply, answer) = oneshot::channel();
        match self.calls.try_send(Call::Request { request, reply }) {
            Ok(()) => answer.await.unwrap_or(Err(Refusal::OutcomeUnknown)),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Refusal::Overloaded),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Refusal::Stopping),
        }
    }

    /// The node's state; `None` when it is gone.
    pub async fn status(&self) -> Option<Status> {
        let (reply, answer) = oneshot::channel();
        self.calls.send(Call::Status(reply)).await.ok()?;
        answer.await.ok()
    }

    /// What the node keeps aside of former actors of its own; `None` when it is gone.
    pub async fn set_aside(&self) -> Option<Vec<SetAside>> {
        let (reply, answer) = oneshot::channel();
        self.calls.send(Call::SetAside(reply)).await.ok()?;
        answer.await.ok()
    }

    /// Begins a backup: the shard of which this node gives its part. `None` when it is gone.
    pub async fn begin_backup(&self, at: Hlc) -> Option<Result<ShardId, NoBackup>> {
        let (reply, answer) = oneshot::channel();
        self.calls.send(Call::Backup(BackupCall::Begin(at, reply))).await.ok()?;
        answer.await.ok()
    }

    /// About so many bytes of a backup, from a slot on; `None` when the node is gone.
    pub async fn backup_part(&self, at: Hlc, from: Slot, bytes: u64) -> Option<Result<BackupPart, NoBackup>> {
        let (reply, answer) = oneshot::channel();
        self.calls.send(Call::Backup(BackupCall::Part { at, from, bytes, reply })).await.ok()?;
        answer.await.ok()
    }

    /// Ends a backup. Needs no answer: one that is not ended ends by itself.
    pub async fn end_backup(&self, at: Hlc) {
        let _ = self.calls.send(Call::Backup(BackupCall::End(at))).await;
    }

    /// The node stops soon: from now on it is not ready, so that load goes elsewhere while it still serves. There is no way back.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the node stops soon.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Waits until the node is gone, for whatever reason.
    pub async fn gone(&self) {
        self.calls.closed().await;
    }

    /// Stops the node cleanly and waits until all it acknowledged is durable.
    pub async fn stop(&self) {
        let (reply, answer) = oneshot::channel();
        if self.calls.send(Call::Stop(reply)).await.is_ok() {
            let _ = answer.await;
        }
    }
}
