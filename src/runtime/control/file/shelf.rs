//! The file as the rest of the room sees it: what is in it, and a way to put more in.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::{Content, Record, task};
use crate::runtime::{Env, control::decided::Decided};

/// The file failed, and this member with it: see the module above.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the control log's file failed: {0}")]
pub struct Failure(pub(super) String);

impl Failure {
    #[expect(clippy::needless_pass_by_value, reason = "it is for `map_err`")]
    pub(super) fn of(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// What was there when the file was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// Nothing: this is a new disk.
    Empty,
    /// A file, whole.
    Whole,
    /// A file that may have forgotten a vote. It was set aside, and this is a new disk.
    Damaged {
        /// Its name now.
        aside: String,
    },
}

/// What the file's task is told.
pub(super) enum Order<D: Decided> {
    /// Keep a record, if the file is still the one that it is for; `None`: whichever it is.
    Keep(Option<u64>, Record<D>, oneshot::Sender<Result<(), Failure>>),
    /// Keep a copy of the file under another name, and begin another one with this in it.
    Leave(Box<Content<D>>, oneshot::Sender<Result<(), Failure>>),
}

/// See the module. Cheap to clone.
pub struct Shelf<D: Decided> {
    content: Arc<Mutex<Content<D>>>,
    orders: mpsc::UnboundedSender<Order<D>>,
    /// Counts the files that were set aside meanwhile.
    files: Arc<AtomicU64>,
    bound: Option<u64>,
}

impl<D: Decided> Clone for Shelf<D> {
    fn clone(&self) -> Self {
        Self { content: self.content.clone(), orders: self.orders.clone(), files: self.files.clone(), bound: self.bound }
    }
}

/// Opens a node's file, or begins one.
///
/// # Errors
/// The disk failed. Nothing was lost by that.
pub async fn open<E: Env, D: Decided>(env: &E) -> io::Result<(Shelf<D>, Opened)> {
    let (opened, result) = oneshot::channel();
    let (orders, orders_out) = mpsc::unbounded_channel();
    let files = Arc::new(AtomicU64::new(0));
    env.spawn_disk(task::serve(env.clone(), files.clone(), opened, orders_out));
    let (content, how) = result.await.map_err(io::Error::other)??;
    Ok((Shelf { content, orders, files, bound: None }, how))
}

impl<D: Decided> Shelf<D> {
    /// The same, for what must not outlive the present file: a raft that is still on its way down must not write into the next one.
    pub fn bound(&self) -> Self {
        Self { bound: Some(self.files.load(Ordering::Relaxed)), ..self.clone() }
    }

    /// Looks at what the file holds, durably.
    pub fn read<T>(&self, look: impl FnOnce(&Content<D>) -> T) -> T {
        look(&locked(&self.content))
    }

    /// Keeps a record. Once this returns it is durable.
    ///
    /// # Errors
    /// The file failed.
    pub async fn keep(&self, record: Record<D>) -> Result<(), Failure> {
        let (done, result) = oneshot::channel();
        let _ = self.orders.send(Order::Keep(self.bound, record, done));
        result.await.unwrap_or_else(|_| Err(Failure("it is closed".to_owned())))
    }

    /// Keeps a copy of the file under another name, and begins another one with this content.
    ///
    /// # Errors
    /// The file failed.
    pub async fn leave(&self, content: Content<D>) -> Result<(), Failure> {
        let (done, result) = oneshot::channel();
        let _ = self.orders.send(Order::Leave(Box::new(content), done));
        result.await.unwrap_or_else(|_| Err(Failure("it is closed".to_owned())))
    }
}

/// Records are applied whole between any two locks, so a panic of another holder does not matter.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
