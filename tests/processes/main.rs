//! Real processes: nodes on loopback, six in two shards where nothing else is said, started from the binary that is shipped, killed and stopped by signals, asked
//! over HTTP. What clients saw is judged by the simulator's own checkers.
//!
//! A test ends only processes that it started, and waits with a deadline for what must come true; it never sleeps to let things
//! settle.

#![expect(clippy::disallowed_methods, reason = "processes live and die in real time")]
#![expect(clippy::disallowed_macros, reason = "what happened is said beside the verdict")]

mod backup;
mod binary;
mod changes;
mod cluster;
mod command;
mod inputs;
mod keepsakes;
mod lateness;
mod nemesis;
mod operators;
mod ports;
mod recovery;
mod secure;
mod start;
mod stops;
mod torture;
mod upheaval;
mod views;
