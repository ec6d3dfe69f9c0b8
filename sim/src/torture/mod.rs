//! Real nodes under real harm: containers, or processes in network namespaces of their own, judged by the checkers of the simulation.
//!
//! ```text
//!   whole         one run from its first process to its verdict        report    what it came to
//!     |                                                                evidence  history, capsule, page and logs of a failure
//!   plan, harm    what is done to whom when, from a seed
//!   nemesis       carries it out                                       diary     what was really done, and when
//!   stage         where nodes live: their processes, links and disks
//!   load, session clients over HTTP                                    pace      how fast they are answered
//!   change        changes of the config under load                     restart   how long a full node takes to come back
//!   ready, final_scan   whether all is well in the end
//! ```
//!
//! Tests of processes on loopback have clients, changes and the last scan from here. `docs/torture.md` says how to run it.

#![expect(clippy::disallowed_methods, reason = "containers, processes and their clients live in real time")]

pub mod change;
pub mod diary;
pub mod evidence;
pub mod final_scan;
pub mod harm;
pub mod load;
pub mod nemesis;
pub mod pace;
pub mod plan;
pub mod ready;
pub mod report;
pub mod restart;
pub mod session;
pub mod stage;
pub mod whole;
