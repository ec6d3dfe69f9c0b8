//! Real nodes under load, judged by the checkers of the simulation: what their clients are, and whether all is well in the end.
//!
//! ```text
//!   load, session     clients over HTTP
//!   pace              how fast they are answered
//!   change            changes of the config under load
//!   final_scan        every key, asked for in the end
//! ```

#![expect(clippy::disallowed_methods, reason = "processes and their clients live in real time")]

pub mod change;
pub mod final_scan;
pub mod load;
pub mod pace;
pub mod session;
