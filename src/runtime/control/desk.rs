//! Questions and answers over links that lose frames: who waits for which answer, and for how long.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use openraft_rt::AsyncRuntime;
use tokio::sync::oneshot;

use super::{
    decided::Decided,
    file::Shelf,
    member::{Group, MemberId},
    raft_runtime::EnvRuntime,
    wire::{Answer, Ask, Body, Envelope, Pieces, to_frames},
};
use crate::id::NodeId;

/// Hands a frame to the link to a node. It may be lost.
pub type SendFrame = Arc<dyn Fn(NodeId, Bytes) + Send + Sync>;

/// An answer, and who gave it.
pub(super) struct Answered<D: Decided> {
    pub from: MemberId,
    pub group: Option<Group>,
    pub answer: Answer<D>,
}

/// See the module. Cheap to clone.
pub(super) struct Desk<D: Decided>(Arc<Inner<D>>);

struct Inner<D: Decided> {
    me: NodeId,
    shelf: Shelf<D>,
    send: SendFrame,
    waiting: Mutex<BTreeMap<u64, oneshot::Sender<Answered<D>>>>,
    pieces: Mutex<Pieces>,
    /// Begins anywhere, so that answers to the process before are not taken for answers to this one.
    next: AtomicU64,
}

impl<D: Decided> Clone for Desk<D> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Forgets a question when its answer is no longer waited for.
struct Waiting<'a, D: Decided> {
    desk: &'a Desk<D>,
    number: u64,
}

impl<D: Decided> Drop for Waiting<'_, D> {
    fn drop(&mut self) {
        self.desk.waiting().remove(&self.number);
    }
}

impl<D: Decided> Desk<D> {
    /// For a node. `random` tells its messages apart from those of the process before.
    pub fn new(me: NodeId, shelf: Shelf<D>, send: SendFrame, random: u64) -> Self {
        let (waiting, pieces, next) = (Mutex::default(), Mutex::default(), AtomicU64::new(random));
        Self(Arc::new(Inner { me, shelf, send, waiting, pieces, next }))
    }

    /// What this node is called, as long as its disk holds.
    pub fn member(&self) -> MemberId {
        MemberId { node: self.0.me, disk: self.0.shelf.read(|content| content.disk) }
    }

    /// Asks a node, or one of its disks alone. `None`: no answer came in time, and the question may have been heard or not.
    pub async fn ask(&self, (node, to): (NodeId, Option<MemberId>), ask: Ask<D>, limit: Duration) -> Option<Answered<D>> {
        let number = self.number();
        let (answer, answered) = oneshot::channel();
        self.waiting().insert(number, answer);
        let _waiting = Waiting { desk: self, number };
        self.send(node, to, Body::Ask(number, ask));
        EnvRuntime::timeout(limit, answered).await.ok()?.ok()
    }

    /// Says something that needs no answer.
    pub fn tell(&self, node: NodeId, ask: Ask<D>) {
        self.send(node, None, Body::Ask(self.number(), ask));
    }

    /// Answers a question.
    pub fn answer(&self, to: MemberId, number: u64, answer: Answer<D>) {
        self.send(to.node, Some(to), Body::Answer(number, answer));
    }

    /// Takes a frame. Gives the message that it completes.
    pub fn receive(&self, from: NodeId, frame: &[u8]) -> Option<Envelope<D>> {
        let message = self.0.pieces.lock().unwrap_or_else(PoisonError::into_inner).take(from, frame)?;
        let envelope: Envelope<D> = postcard::from_bytes(&message).ok()?;
        (envelope.from.node == from).then_some(envelope)
    }

    /// Whether a message is for this disk, and not for one that this node had before.
    pub fn is_for_me(&self, envelope: &Envelope<D>) -> bool {
        envelope.to.is_none_or(|to| to == self.member())
    }

    /// Gives an answer to whom waits for it.
    pub fn answered(&self, number: u64, answered: Answered<D>) {
        if let Some(waiting) = self.waiting().remove(&number) {
            let _ = waiting.send(answered);
        }
    }

    fn send(&self, node: NodeId, to: Option<MemberId>, body: Body<D>) {
        let (disk, group) = self.0.shelf.read(|content| (content.disk, content.group));
        let from = MemberId { node: self.0.me, disk };
        let Ok(bytes) = postcard::to_allocvec(&Envelope { from, group, to, body }) else { return };
        for frame in to_frames(self.number(), &bytes) {
            (self.0.send)(node, frame);
        }
    }

    fn number(&self) -> u64 {
        self.0.next.fetch_add(1, Ordering::Relaxed)
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, oneshot::Sender<Answered<D>>>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
