//! The state machine that the log drives: the last states and who asked for them. Pure.

use std::{collections::VecDeque, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    decided::{Decided, OperationId, Outcome, Proposal},
    types::Command,
};
use crate::id::Epoch;

/// How many states are kept, so that a node that was away gets those between.
pub const KEPT_STATES: usize = 64;

/// How many operations that made a state are remembered, so that a retry is told what it made.
const KEPT_OPERATIONS: usize = 1_024;

/// See the module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Machine<D: Decided> {
    /// Oldest first.
    kept: VecDeque<Arc<D>>,
    operations: VecDeque<(OperationId, Epoch)>,
}

impl<D: Decided> Default for Machine<D> {
    fn default() -> Self {
        Self { kept: VecDeque::new(), operations: VecDeque::new() }
    }
}

impl<D: Decided> Machine<D> {
    /// With a first state.
    pub fn founded(first: D) -> Self {
        Self { kept: [Arc::new(first)].into(), ..Self::default() }
    }

    /// The newest state; `None` before the first.
    pub fn current(&self) -> Option<&Arc<D>> {
        self.kept.back()
    }

    /// The kept states behind an epoch, or all.
    pub fn after(&self, seen: Option<Epoch>) -> impl Iterator<Item = &Arc<D>> {
        self.kept.iter().filter(move |state| Some(state.epoch()) > seen)
    }

    /// Does what the log says next.
    pub fn apply(&mut self, command: &Command<D>) -> Outcome<D::Refusal> {
        match (command, self.current()) {
            (Command::Found(first), None) => {
                self.clone_from(first);
                Outcome::Made(self.current().map(|current| current.epoch()).unwrap_or_default())
            }
            (Command::Found(_), Some(current)) => Outcome::Made(current.epoch()),
            (Command::Propose(_), None) => Outcome::Conflict(Epoch::default()),
            (Command::Propose(proposal), Some(current)) => {
                let current = current.clone();
                self.propose(&current, proposal)
            }
        }
    }

    fn propose(&mut self, current: &D, proposal: &Proposal<D::Change>) -> Outcome<D::Refusal> {
        if let Some((_, epoch)) = self.operations.iter().find(|(operation, _)| *operation == proposal.operation) {
            return Outcome::Made(*epoch);
        }
        if current.epoch() != proposal.expected {
            return Outcome::Conflict(current.epoch());
        }
        match current.changed(&proposal.change) {
            Ok(next) => {
                self.operations.push_back((proposal.operation, next.epoch()));
                if self.operations.len() > KEPT_OPERATIONS {
                    self.operations.pop_front();
                }
                self.push(Arc::new(next))
            }
            Err(refusal) => Outcome::Refused(refusal),
        }
    }

    /// The next generation's first state follows the newest one.
    pub fn regenerate(&mut self, generation: u32) {
        if let Some(current) = self.current() {
            let next = Arc::new(current.regenerated(generation));
            self.push(next);
        }
    }

    fn push(&mut self, next: Arc<D>) -> Outcome<D::Refusal> {
        let epoch = next.epoch();
        self.kept.push_back(next);
        if self.kept.len() > KEPT_STATES {
            self.kept.pop_front();
        }
        Outcome::Made(epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::sample::Sample, *};

    fn found(text: &str) -> Command<Sample> {
        Command::Found(Arc::new(Machine::founded(Sample::first(text))))
    }

    fn proposal(id: u128, expected: u32, change: &str) -> Command<Sample> {
        let expected = Epoch { generation: 0, number: expected };
        Command::Propose(Proposal { operation: OperationId(id), expected, change: change.to_owned() })
    }

    fn made(number: u32) -> Outcome<String> {
        Outcome::Made(Epoch { generation: 0, number })
    }

    #[test]
    fn of_two_for_one_epoch_one_is_made_and_its_retry_is_told_so() {
        let mut machine = Machine::default();
        assert_eq!(machine.apply(&proposal(1, 1, "early")), Outcome::Conflict(Epoch::default()));
        assert_eq!(machine.apply(&found("a")), made(1));
        assert_eq!(machine.apply(&found("b")), made(1));
        assert_eq!(machine.apply(&proposal(2, 1, "won")), made(2));
        assert_eq!(machine.apply(&proposal(3, 1, "lost")), Outcome::Conflict(Epoch { generation: 0, number: 2 }));
        assert_eq!(machine.apply(&proposal(4, 2, "next")), made(3));
        assert_eq!(machine.apply(&proposal(2, 1, "won")), made(2));
        assert_eq!(machine.apply(&proposal(5, 3, "")), Outcome::Refused("nothing to change".to_owned()));
        assert_eq!(machine.current().expect("founded").text, "next");
    }

    #[test]
    fn the_last_states_are_kept_in_order() {
        let mut machine = Machine::default();
        machine.apply(&found("a"));
        for number in 1..=100 {
            machine.apply(&proposal(number.into(), number, "x"));
        }
        let seen = Some(Epoch { generation: 0, number: 98 });
        let numbers: Vec<u32> = machine.after(seen).map(|state| state.epoch.number).collect();
        assert_eq!(numbers, [99, 100, 101]);
        assert_eq!(machine.after(None).count(), KEPT_STATES);
    }
}
