//! `causeway-sim`: see [`cli`].

mod cli;

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A simulation is many small pieces that are soon given back.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
