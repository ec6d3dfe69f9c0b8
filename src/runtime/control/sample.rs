//! A small [`Decided`] for tests: a text, and the epoch of the one before.

use serde::{Deserialize, Serialize};

use super::decided::Decided;
use crate::id::Epoch;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Its number.
    pub epoch: Epoch,
    /// The number of the state that it came from; `None` for the very first.
    pub parent: Option<Epoch>,
    /// What was decided.
    pub text: String,
}

impl Sample {
    /// The first state.
    pub fn first(text: &str) -> Self {
        Self { epoch: Epoch { generation: 0, number: 1 }, parent: None, text: text.to_owned() }
    }
}

impl Decided for Sample {
    type Change = String;
    type Refusal = String;

    fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// An empty text is refused.
    fn changed(&self, change: &String) -> Result<Self, String> {
        if change.is_empty() {
            return Err("nothing to change".to_owned());
        }
        let epoch = Epoch { number: self.epoch.number + 1, ..self.epoch };
        Ok(Self { epoch, parent: Some(self.epoch), text: change.clone() })
    }

    fn regenerated(&self, generation: u32) -> Self {
        Self { epoch: Epoch { generation, number: 1 }, parent: Some(self.epoch), text: self.text.clone() }
    }
}
