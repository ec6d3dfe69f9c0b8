//! What was decided, for those who wait for it.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use super::{
    decided::Decided,
    machine::{KEPT_STATES, Machine},
};
use crate::id::Epoch;

struct State<D> {
    /// Oldest first.
    kept: VecDeque<Arc<D>>,
    /// Woken in the order in which they began to wait.
    waiting: Vec<Waker>,
}

/// See the module. Cheap to clone.
pub(super) struct Published<D>(Arc<Mutex<State<D>>>);

impl<D> Clone for Published<D> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<D> Default for Published<D> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State { kept: VecDeque::new(), waiting: Vec::new() })))
    }
}

impl<D: Decided> Published<D> {
    /// Adds what is newer than all that was published. A state of an abandoned generation is not taken back, but what follows
    /// it is of a later one.
    pub fn publish(&self, machine: &Machine<D>) {
        let woken = {
            let mut state = self.state();
            let last = state.kept.back().map(|last| last.epoch());
            let before = state.kept.len();
            state.kept.extend(machine.after(last).cloned());
            if state.kept.len() == before {
                return;
            }
            let surplus = state.kept.len().saturating_sub(KEPT_STATES);
            state.kept.drain(..surplus);
            std::mem::take(&mut state.waiting)
        };
        woken.into_iter().for_each(Waker::wake);
    }

    /// The newest state.
    pub fn current(&self) -> Option<Arc<D>> {
        self.state().kept.back().cloned()
    }

    fn after(&self, seen: Option<Epoch>) -> Option<Arc<D>> {
        self.state().kept.iter().find(|state| Some(state.epoch()) > seen).cloned()
    }

    fn state(&self) -> MutexGuard<'_, State<D>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives every state once, in order.
pub struct Watch<D> {
    published: Published<D>,
    seen: Option<Epoch>,
}

impl<D: Decided> Watch<D> {
    /// Begins with the first state that is newer than this.
    pub(super) fn new(published: Published<D>, seen: Option<Epoch>) -> Self {
        Self { published, seen }
    }

    /// The next state; waits for it. Cancel-safe. Of states that came faster than they were taken the last
    /// [`KEPT_STATES`] are kept.
    pub fn changed(&mut self) -> impl Future<Output = Arc<D>> + Send + '_ {
        poll_fn(|context| {
            let mut state = self.published.state();
            match state.kept.iter().find(|state| Some(state.epoch()) > self.seen).cloned() {
                Some(next) => {
                    self.seen = Some(next.epoch());
                    Poll::Ready(next)
                }
                None => {
                    if !state.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                        state.waiting.push(context.waker().clone());
                    }
                    Poll::Pending
                }
            }
        })
    }

    /// The next state, if it is there.
    pub fn try_changed(&mut self) -> Option<Arc<D>> {
        let next = self.published.after(self.seen)?;
        self.seen = Some(next.epoch());
        Some(next)
    }
}
