//! The net's own test: each planted bug is caught, by the checker that is named for it, within [`SEED_LIMIT`] seeds.
//!
//! A checker that catches nothing may be sound or asleep; this tells which. [`score()`] measures how soon: seeds and operations to
//! catch, and how small the plan gets that shows the bug. [`converse()`] asks the other way round: who would catch it if its checker
//! did not look? Where nobody does, the checker is needed.
//!
//! Where a bug cannot show itself in a run (a token of six actors is never folded hard), a direct test is named.

mod converse;
mod hunt;
mod named;
mod score;

pub use converse::{Converse, Loss, converse};
pub use hunt::{Catch, SEED_LIMIT, hunt};
pub use named::{Catcher, Named, named};
pub use score::{Score, Scores, Small, heading, quick, recorded, score};
