//! What processes do to the world, through their [`SimEnv`](super::SimEnv), and the pump that does what is due.

use std::task::{Context, Poll};

use bytes::Bytes;
use causeway::{
    id::NodeId,
    node::Event,
    runtime::{Incoming, Sent},
};
use rand::RngExt;

use super::{World, agenda::Due, env::Until, lock, network::Surroundings, row};
use crate::trace::Entry;

impl World {
    pub(super) fn read_clock(&self, node: NodeId) -> (u64, u64) {
        let state = self.state();
        let now_us = state.agenda.now_us();
        let clock = &state.clocks[row(node)];
        (clock.local_us(now_us), clock.wall_ms(now_us))
    }

    pub(super) fn random(&self, node: NodeId) -> u64 {
        self.state().randoms[row(node)].random()
    }

    pub(super) fn send(&self, from: NodeId, to: NodeId, frame: Bytes) -> Sent {
        let mut guard = self.state();
        let state = &mut *guard;
        let mut around = Surroundings { agenda: &mut state.agenda, trace: &mut state.trace };
        state.network.send(row(from), row(to), frame, &mut around)
    }

    pub(super) fn poll_receive(&self, node: NodeId, incarnation: u64, context: &mut Context<'_>) -> Poll<Incoming> {
        self.state().network.poll_receive(row(node), incarnation, context)
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

    pub(super) fn poll_sleep(&self, until: &Until, ticket: &mut Option<u64>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        let now_us = state.agenda.now_us();
        let at_us = match *until {
            Until::True(at_us) => at_us,
            Until::Local(node, local_us) => state.clocks[row(node)].true_us(local_us),
        };
        if at_us <= now_us {
            return Poll::Ready(());
        }
        let sleeps = ticket.is_some_and(|ticket| state.agenda.still_sleeps(ticket, context.waker()));
        if !sleeps {
            *ticket = Some(state.agenda.sleep(at_us, context.waker().clone()));
        }
        Poll::Pending
    }

    pub(super) fn cancel_sleep(&self, ticket: u64) {
        self.state().agenda.cancel(ticket);
    }

    /// The pump: does all that is due, and never ends.
    pub(super) fn poll_agenda(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut guard = self.state();
        let state = &mut *guard;
        state.agenda.attend(context.waker());
        let now_us = state.agenda.now_us();
        while let Some(due) = state.agenda.next_due(now_us) {
            match due {
                Due::Sleeper(ticket) => state.agenda.wake(ticket),
                Due::Timeout { from, to, at_us } => state.network.time_out(from, to, at_us),
                Due::Parcel(parcel) => {
                    let mut around = Surroundings { agenda: &mut state.agenda, trace: &mut state.trace };
                    state.network.arrive(parcel, &mut around);
                }
            }
        }
        state.agenda.rest();
        Poll::Pending
    }
}
