//! What came in for a node and was not yet taken by its process.

use std::{
    collections::VecDeque,
    task::{Context, Poll, Waker},
};

use causeway::runtime::Incoming;

/// See the module.
#[derive(Default)]
pub(super) struct Inbox {
    /// The living process; `None` when there is none.
    incarnation: Option<u64>,
    queue: VecDeque<Incoming>,
    waiting: Option<Waker>,
}

impl Inbox {
    /// An empty inbox for a process.
    pub fn of(incarnation: u64) -> Self {
        Self { incarnation: Some(incarnation), ..Self::default() }
    }

    /// The process that it is for, if one lives.
    pub fn incarnation(&self) -> Option<u64> {
        self.incarnation
    }

    /// Adds to it. Returns whether its process waited for that.
    pub fn put(&mut self, incoming: Incoming) -> bool {
        self.queue.push_back(incoming);
        self.waiting.take().map(Waker::wake).is_some()
    }

    /// The next thing in it, for the process that it is for.
    pub fn poll(&mut self, incarnation: u64, context: &mut Context<'_>) -> Poll<Incoming> {
        if self.incarnation != Some(incarnation) {
            return Poll::Pending;
        }
        if let Some(incoming) = self.queue.pop_front() {
            return Poll::Ready(incoming);
        }
        match &mut self.waiting {
            Some(waker) => waker.clone_from(context.waker()),
            None => self.waiting = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}
