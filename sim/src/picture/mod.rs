//! Pictures of runs: what happened, what went wrong around it, and what does not hold, for somebody to look at.
//!
//! ```text
//!   scene     plain data: lanes, operations, messages, marks, faults, the violated dependency, its story
//!     |
//!   page      one HTML file with a space-time diagram          compare   two scenes and their texts, the first difference marked
//!   shiviz    the log format of ShiViz
//! ```
//!
//! Nothing here knows the store: times are microseconds, everything else is text. So the histories of another store can be
//! pictured too, also from a program in another language, since a [`Scene`] is read from JSON as it is written.
//! How to read a page is in `docs/pictures.md`.

mod compare;
mod fault;
mod message;
mod operation;
mod page;
mod scene;
mod shiviz;

pub use compare::{Divergence, Side, compare_page};
pub use fault::{Affected, Fault, Look};
pub use message::{Fate, Message};
pub use operation::{Effect, Ending, Operation};
pub use page::page;
pub use scene::{Bond, Edge, Lane, LaneId, LaneKind, Mark, Point, Red, Scene, Sentence, Standing, Verdict};
pub use shiviz::shiviz;

/// The example of the document, so that it goes on compiling.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/pictures.md")]
pub struct Example;
