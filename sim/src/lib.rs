//! Deterministic simulation of a Causeway cluster.

#[cfg(not(madsim))]
compile_error!(
    "the simulator needs --cfg madsim: it stands in .cargo/config.toml, and any RUSTFLAGS in the environment overrides it"
);

pub mod checker;
pub mod client;
pub mod cluster;
pub mod conformance;
pub mod history;
pub mod observe;
pub mod seeded;
pub mod streams;
pub mod trace;
pub mod world;
