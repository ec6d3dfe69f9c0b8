//! What a reshard costs: how much the plan moves, and how long real processes take to move it.
//!
//! `cargo bench --bench reshard -- --keys 1000000`. The processes are the program as it is shipped, on loopback, with their data on
//! disk. One machine runs nodes and load alike: compare, do not quote.

#![expect(clippy::disallowed_methods, reason = "processes live and die in real time")]
#![expect(clippy::disallowed_macros, reason = "it prints what it measures")]

#[path = "../../tests/processes/binary.rs"]
mod binary;
#[expect(dead_code, reason = "tests do more with a cluster")]
#[path = "../../tests/processes/cluster.rs"]
mod cluster;
#[path = "../../tests/placement/moved.rs"]
mod moved;
mod placement;
#[path = "../../tests/processes/ports.rs"]
mod ports;
mod processes;
mod samples;

use std::env;

/// Enough to see that it works.
const FEW_KEYS: usize = 20_000;

fn main() {
    placement::print();
    let arguments: Vec<String> = env::args().collect();
    let given = arguments.iter().skip_while(|argument| *argument != "--keys").nth(1);
    let keys = given.map_or(FEW_KEYS, |text| text.parse().expect("--keys takes a number"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(processes::print(keys));
}
