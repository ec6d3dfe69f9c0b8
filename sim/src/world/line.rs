//! Slow nodes: what comes to one waits in line.
//!
//! What tasks do takes no time in simulation. On a slow node it is at the door that time passes: whatever would wake one of its
//! tasks (a frame that arrives, a sleep or disk call that ends, a client's request) takes its turn in one line, and each keeps the
//! node busy for [`STEP_US`] times its slowness. So answers, heartbeats and timers come late, the later the more there is to do, and
//! a node that gets more than it can do falls ever further behind, until it is well again: then all that waits is served at once.

use std::collections::VecDeque;

use super::agenda::{Agenda, Due};

/// For how long one thing keeps a node busy that is slow by a factor of 1, in microseconds.
const STEP_US: u64 = 20;

/// What waits at one node's door.
#[derive(Default)]
pub(super) struct Line {
    /// 0 is a healthy node, whose doors are wide.
    step_us: u64,
    waiting: VecDeque<Due>,
    /// When the first one's turn comes.
    turn_us: Option<u64>,
}

impl Line {
    /// Whether what comes now has to wait.
    pub fn is_slow(&self) -> bool {
        self.step_us > 0 || !self.waiting.is_empty()
    }

    /// Makes the node slower by a factor; 1 is healthy.
    pub fn set_slowness(&mut self, slowness: u64) {
        self.step_us = if slowness > 1 { STEP_US.saturating_mul(slowness) } else { 0 };
    }

    /// Puts something at the end.
    pub fn queue(&mut self, due: Due) {
        self.waiting.push_back(due);
    }

    /// Sets the first one's turn, if it has none, or anew after a change of the node's pace.
    pub fn set_turn(&mut self, node: usize, agenda: &mut Agenda) {
        if self.waiting.is_empty() {
            self.turn_us = None;
            return;
        }
        let at_us = agenda.now_us().saturating_add(self.step_us);
        if self.turn_us.is_none_or(|turn_us| at_us < turn_us) {
            self.turn_us = Some(at_us);
            agenda.add(at_us, Due::Turn { node, at_us });
        }
    }

    /// The one whose turn has come, if a turn of that time is the one that was set last. Those that are due for nobody any more
    /// step out.
    pub fn take_turn(&mut self, at_us: u64, agenda: &Agenda) -> Option<Due> {
        if self.turn_us != Some(at_us) {
            return None;
        }
        self.turn_us = None;
        std::iter::from_fn(|| self.waiting.pop_front()).find(|due| !agenda.is_void(due))
    }

    /// All that waits, when the node's process dies.
    pub fn disperse(&mut self) -> VecDeque<Due> {
        self.turn_us = None;
        std::mem::take(&mut self.waiting)
    }
}
