//! The independent judge: it takes the history of any key-value store, as its clients can tell it, and says whether the store was
//! causally consistent, with one order of writes (causal convergence).
//!
//! It knows nothing of Causeway and of the rest of this crate and uses the standard library alone: a store cannot be judged by
//! what it shares with its judge. [docs/checkers.md](../../../docs/checkers.md) says how to use it for another store.
//!
//! ```text
//!   model, history, text      operations, kept small, in the text format of the public tools
//!   offline                   values only: any history, after the fact
//!   oracle, scope, agreement  the definition tried out, on all histories of a small scope
//!   explain, shrink, report   why, in plain English, and the smallest history that is wrong in the same way
//!   online                    stamps and values, while it happens, in bounded memory
//!   generate                  histories of any size, valid and broken
//! ```

mod agreement;
mod anomaly;
mod counterexample;
mod excuses;
mod explain;
pub mod generate;
mod history;
#[cfg(test)]
mod independence;
mod index;
#[cfg(test)]
mod litmus;
mod model;
mod offline;
pub mod online;
#[cfg(test)]
mod online_agreement;
pub mod oracle;
mod random;
mod report;
mod rules;
mod scope;
mod shrink;
pub mod text;

pub use agreement::Agreement;
pub use anomaly::{Anomaly, Guarantee};
pub use counterexample::{Counterexample, Edge, Step};
pub use explain::{Explained, explain};
pub use history::{Builder, History};
pub use model::{ABORTED, ABSENT, Action, Malformed, Op, Outcome};
pub use offline::{Evidence, Finding, Verdict, check, check_by};
pub use random::Random;
pub use report::{Conclusion, Report, judge};
pub use rules::{Rule, Rules};
pub use scope::{Alphabet, Scope, sample};
pub use shrink::{Shrunk, shrink};
