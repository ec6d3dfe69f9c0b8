//! Deterministic simulation of a Causeway cluster.
//!
//! ```text
//!   seeded      one run, one seed, one fresh thread          streams   one random stream a purpose
//!     |
//!   cluster     production's driver and HTTP API on each node, clients around them
//!     |
//!   world       network, disks and clocks that lie            trace     what happened, as text and as one number
//!     |
//!   madsim      executor and simulated time
//! ```
//!
//! [`older`] lets a node of a cluster be of an earlier version. [`conformance`] holds this world and tokio's to the same promises. Those who watch plug in by [`observe`]. [`scenario`] tells stories
//! of small clusters. [`torture`] leaves simulated time: it does to real nodes what is done to simulated ones, and has the same judge.

#[cfg(not(madsim))]
compile_error!(
    "the simulator needs --cfg madsim: it stands in .cargo/config.toml, and any RUSTFLAGS in the environment overrides it"
);

pub mod backup;
pub mod blackbox;
pub mod capsule;
pub mod checker;
pub mod client;
pub mod cluster;
pub mod config_log;
pub mod conformance;
pub mod coverage;
pub mod decisions;
pub mod diff;
pub mod doom;
pub mod explain;
pub mod fault;
pub mod history;
pub mod marks;
pub mod mutants;
pub mod nemesis;
pub mod observe;
pub mod older;
pub mod operator;
pub mod parallel;
pub mod picture;
pub mod plan;
pub mod referee;
pub mod relative;
pub mod request;
pub mod review;
pub mod run;
pub mod scenario;
pub mod seeded;
pub mod shrink;
pub mod streams;
pub mod swarm;
pub mod sweep;
pub mod torture;
pub mod trace;
pub mod workload;
pub mod world;
