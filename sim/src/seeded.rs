//! One run, one seed, one fresh thread.
//!
//! A fresh thread, since the keys of the standard library's hash maps and the planted bug are kept per thread: what ran before in
//! this process cannot leak into the run.

#![expect(clippy::disallowed_methods, reason = "here is where a simulation begins: on a thread of its own")]

use std::{future::Future, panic::resume_unwind, thread};

use causeway::mutant::{Mutant, plant};
use madsim::{Config, runtime::Runtime};
use rand::RngExt;

use crate::streams::{Purpose, Streams};

/// Runs a simulation to its end, with a bug planted if one is given.
///
/// # Panics
/// When the simulation does, with its own payload. The message on standard error names the thread, and that is named by the seed.
pub fn run_seeded<T, F>(seed: u64, mutant: Option<Mutant>, simulation: impl FnOnce(Streams) -> F + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + 'static,
{
    let run = move || {
        plant(mutant);
        let streams = Streams::new(seed);
        let schedule = streams.stream(Purpose::Schedule).random();
        Runtime::with_seed_and_config(schedule, Config::default()).block_on(async move { simulation(streams).await })
    };
    let thread = thread::Builder::new().name(format!("seed {seed}")).spawn(run).expect("the system has a thread left");
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}
