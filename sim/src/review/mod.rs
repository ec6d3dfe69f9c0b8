//! Snapshots that differ from those in the repository, as one page on which somebody can see what changed.
//!
//! `insta` leaves the new text of a failed comparison beside the old one; here the two are found, paired, and put on a page: side by
//! side, the first difference marked, and for accounts of scenarios the space-time diagram of both. Accepting stays with
//! `cargo insta`.

mod align;
mod page;
mod pending;

pub use page::page;
pub use pending::{Pending, ReviewError, find};
