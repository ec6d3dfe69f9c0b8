//! What every member says was decided, judged as it says so: one state an epoch, the same everywhere, each after its parent (I16);
//! and what proposers were told.

use std::collections::{BTreeMap, BTreeSet};

use causeway::{
    id::{Epoch, NodeId},
    runtime::control::{ProposeError, sample::Sample},
};

/// See the module.
#[derive(Default)]
pub struct Ledger {
    states: BTreeMap<Epoch, Sample>,
    /// The newest state of each process.
    seen: BTreeMap<(NodeId, u64), Epoch>,
    /// Which texts were made, by whom it was told, and which certainly were not.
    made: BTreeMap<String, Epoch>,
    never: BTreeSet<String>,
    /// How often each was asked for.
    asked: BTreeMap<String, u32>,
}

impl Ledger {
    /// A process learns that a state is decided.
    pub fn decided(&mut self, (node, process): (NodeId, u64), state: &Sample) {
        let known = self.states.entry(state.epoch).or_insert_with(|| state.clone());
        assert_eq!(known, state, "two states of one epoch at {node}");
        if let Some(before) = self.seen.insert((node, process), state.epoch) {
            assert!(before < state.epoch, "{node}: {before} and then {}", state.epoch);
            let is_next = before.generation == state.epoch.generation && before.number + 1 == state.epoch.number;
            assert!(!is_next || state.parent == Some(before), "{node}: {state:?} after {before}");
        }
        assert!(!self.never.contains(&state.text), "{:?} was certainly not made", state.text);
        if state.epoch.number > 1 {
            let parent = Epoch { number: state.epoch.number - 1, ..state.epoch };
            assert_eq!(state.parent, Some(parent), "{state:?}");
        }
    }

    /// A text is proposed, for the first time or again.
    pub fn asked(&mut self, text: &str) {
        *self.asked.entry(text.to_owned()).or_default() += 1;
        self.never.remove(text);
    }

    /// A proposer is told what became of a text.
    pub fn answered(&mut self, text: &str, answer: &Result<Epoch, ProposeError<String>>) {
        let is_never = match answer {
            Ok(epoch) => {
                let before = self.made.insert(text.to_owned(), *epoch);
                assert!(before.is_none_or(|before| before == *epoch), "{text:?} made twice: {before:?} and {epoch}");
                false
            }
            Err(ProposeError::Unknown) => false,
            // They speak of this call alone.
            Err(ProposeError::NoMajority | ProposeError::Stopping) => self.asked.get(text) == Some(&1),
            Err(ProposeError::Conflict { .. } | ProposeError::Refused(_)) => {
                assert!(!self.made.contains_key(text), "{text:?} was made, and is told {answer:?}");
                true
            }
        };
        if is_never {
            assert!(!self.states.values().any(|state| state.text == text), "{text:?} was made, and told {answer:?}");
            self.never.insert(text.to_owned());
        }
    }

    /// What was told to be made is what is there under that epoch. Once nobody is behind.
    pub fn close(&self) {
        for (text, epoch) in &self.made {
            assert_eq!(self.states.get(epoch).map(|state| &state.text), Some(text), "{epoch}");
        }
    }

    /// The states by epoch.
    pub fn states(&self) -> &BTreeMap<Epoch, Sample> {
        &self.states
    }

    /// How many texts were told to be made.
    pub fn made(&self) -> usize {
        self.made.len()
    }
}
