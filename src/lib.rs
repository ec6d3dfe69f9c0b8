//! Causeway: a sharded, replicated, causally consistent key-value store that goes on writing during a partition.
//!
//! ```text
//!  id  error  mark  mutant                        words that everything is said in
//!    \   |   /
//!  clock   placement   store                      values and laws: no protocol, no time source, no IO
//!      \      |       /
//!     request   message                           what clients ask, and what peers say to each other
//!             |
//!           node                                  the protocol: (now, input) -> effects; sans-IO, sans-async
//!             |
//!   tls    runtime   trait Env + one async driver the only code that awaits on a node's behalf
//!     \   /       \
//!  runtime/tokio   sim (madsim)                   two worlds, one conformance suite
//!  http, cli, main
//! ```
//!
//! Architecture invariants: below `runtime` nothing is async, nothing reads a clock or a random source, and no hash map's order
//! matters. tokio's network, timers and tasks are named only in `runtime/tokio`, axum only in `http`, madsim only in `sim`.
//! Nothing here knows that a simulator exists, [`mark`] and [`mutant`] excepted.

pub mod cli;
pub mod clock;
pub mod error;
pub mod http;
pub mod id;
pub mod mark;
pub mod message;
pub mod mutant;
pub mod node;
pub mod placement;
pub mod request;
pub mod runtime;
pub mod store;
pub mod tls;
