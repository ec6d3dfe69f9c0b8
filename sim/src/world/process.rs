//! What processes do to the world, through their [`SimEnv`](super::SimEnv), and the pump that does what is due.

use std::task::{Context, Poll};

use super::{State, World, agenda::Due, env::Until, lock, motor::Turn, network::Surroundings, row};
use crate::trace::Entry;
use bytes::Bytes;
use causeway::{
    id::NodeId,
    node::Event,
    runtime::{Incoming, Sent},
};

/// Into how many other sequences a fork turns madsim's choices.
const SHIFTS: u64 = 64;

impl World {
    pub(super) fn read_clock(&self, node: NodeId) -> (u64, u64) {
        let state = self.state();
        let now_us = state.agenda.now_us();
        let clock = &state.clocks[row(node)];
        (clock.local_us(now_us), clock.wall_ms(now_us))
    }

    pub(super) fn send(&self, from: NodeId, to: NodeId, frame: Bytes) -> Sent {
        let mut guard = self.state();
        let state = &mut *guard;
        let mut around = Surroundings { agenda: &mut state.agenda, trace: &mut state.trace };
        state.network.send(from, to, frame, &mut around)
    }

    pub(super) fn poll_receive(&self, node: NodeId, incarnation: u64, context: &mut Context<'_>) -> Poll<Incoming> {
        self.state().network.inbox(row(node)).poll(incarnation, context)
    }

    pub(super) fn observe(&self, node: NodeId, event: &Event) {
        let now_us = {
            let mut state = self.state();
            let now_us = state.agenda.now_us();
            state.trace.add(now_us, Entry::Event(node, event));
            now_us
        };
        let observer = lock(&self.observer).clone();
        if let Some(observer) = observer {
            lock(&observer).event(now_us, node, event);
        }
    }

    pub(super) fn poll_sleep(
        &self,
        (until, node): (Until, Option<NodeId>),
        ticket: &mut Option<u64>,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let mut state = self.state();
        if state.closed {
            // Whoever waits goes on, to its end: a task that nobody wakes again would never be freed.
            return Poll::Ready(());
        }
        let now_us = state.agenda.now_us();
        let node = node.map(row);
        let at_us = match until {
            Until::True(at_us) => Some(at_us).filter(|at_us| *at_us > now_us),
            Until::Local(local_us) => node.map(|node| state.clocks[node].true_us(local_us)).filter(|at_us| *at_us > now_us),
            Until::Turn => node.filter(|node| ticket.is_some() || state.lines[*node].is_slow()).map(|_| now_us),
        };
        let Some(at_us) = at_us else { return Poll::Ready(()) };
        if let Some(old) = ticket {
            if state.agenda.still_sleeps(*old, context.waker()) {
                return Poll::Pending;
            }
            if matches!(until, Until::Turn) {
                return Poll::Ready(());
            }
        }
        *ticket = Some(state.agenda.sleep(at_us, context.waker().clone(), node));
        Poll::Pending
    }

    pub(super) fn cancel_sleep(&self, ticket: u64) {
        self.state().agenda.cancel(ticket);
    }

    /// The pump: does what is due until that wakes someone, and never ends. It is polled again when all rest.
    pub(super) fn poll_agenda(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut guard = self.state();
        let state = &mut *guard;
        if state.closed {
            return Poll::Ready(());
        }
        if state.agenda.attend(context.waker()) == Turn::First {
            return Poll::Pending;
        }
        while let Some(due) = state.agenda.take_next() {
            state.shift_schedule();
            if state.meet(due) {
                break;
            }
        }
        Poll::Pending
    }
}

impl State {
    /// madsim's stream cannot be replaced, but a few numbers that are drawn from it shift all later ones.
    fn shift_schedule(&mut self) {
        let now_us = self.agenda.now_us();
        if let Some(fork) = self.fork.take_if(|fork| now_us >= fork.at_us) {
            for _ in 0..=fork.salt % SHIFTS {
                let _: u64 = madsim::rand::random();
            }
        }
    }

    /// Does what is due, unless that has to wait at a slow node. Returns whether it woke someone.
    fn meet(&mut self, due: Due) -> bool {
        let busy = self.agenda.node_of(&due).filter(|node| self.lines[*node].is_slow());
        if let Some(node) = busy {
            self.lines[node].queue(due);
            self.lines[node].set_turn(node, &mut self.agenda);
            return false;
        }
        self.perform(due)
    }

    pub(super) fn perform(&mut self, due: Due) -> bool {
        match due {
            Due::Sleeper(ticket) => self.agenda.wake(ticket),
            Due::Timeout { from, to, at_us } => {
                self.network.time_out(from, to, at_us);
                true
            }
            Due::Parcel(parcel) => {
                let mut around = Surroundings { agenda: &mut self.agenda, trace: &mut self.trace };
                self.network.arrive(parcel, &mut around)
            }
            Due::Turn { node, at_us } => {
                let first = self.lines[node].take_turn(at_us, &self.agenda);
                self.lines[node].set_turn(node, &mut self.agenda);
                first.is_some_and(|first| self.perform(first))
            }
        }
    }
}
