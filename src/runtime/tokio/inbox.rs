//! What came in from all peers and waits for the node: bounded, so that a connection's reader that waits here stops reading and
//! TCP holds the sender back.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc};

use crate::runtime::Incoming;

/// How much may wait for the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxBounds {
    /// Frames.
    pub frames: usize,
    /// Bytes of their payloads. A larger frame waits until it is alone.
    pub bytes: u32,
}

/// A thing that came in, and its share of the bytes until the node takes it.
type Held = (Incoming, Option<OwnedSemaphorePermit>);

/// Where connections put what comes in.
#[derive(Debug, Clone)]
pub(super) struct Inbox {
    sender: mpsc::Sender<Held>,
    budget: Arc<Semaphore>,
    bounds: InboxBounds,
}

/// Where the node takes it out.
#[derive(Debug)]
pub(super) struct Outlet(Mutex<mpsc::Receiver<Held>>);

/// Both ends.
pub(super) fn inbox(bounds: InboxBounds) -> (Inbox, Outlet) {
    let (sender, receiver) = mpsc::channel(bounds.frames);
    let budget = Arc::new(Semaphore::new(bounds.bytes as usize));
    (Inbox { sender, budget, bounds }, Outlet(Mutex::new(receiver)))
}

impl Inbox {
    /// Waits for room, then puts it in. In order, for one caller. Cancelled, nothing was put in.
    pub(super) async fn put(&self, incoming: Incoming) {
        let held = match &incoming {
            Incoming::Frame { bytes, .. } => {
                let share = u32::try_from(bytes.len()).map_or(self.bounds.bytes, |bytes| bytes.min(self.bounds.bytes));
                self.budget.clone().acquire_many_owned(share).await.ok()
            }
            Incoming::LinkDown(_) => None,
        };
        // Fails only when the node is gone, and then nobody misses it.
        let _ = self.sender.send((incoming, held)).await;
    }
}

impl Outlet {
    /// The next thing. Never returns once every connection is gone. Cancel-safe.
    pub(super) async fn take(&self) -> Incoming {
        match self.0.lock().await.recv().await {
            Some((incoming, _)) => incoming,
            None => std::future::pending().await,
        }
    }
}
