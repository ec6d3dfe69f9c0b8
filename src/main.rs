//! The server and its tools.

use std::{process::ExitCode, time::Duration};

use causeway::cli::{Cli, CliError};
use clap::Parser;
use mimalloc::MiMalloc;

/// A request takes and gives back some forty small pieces, often on two threads: glibc's allocator spends twice the instructions on it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// For name look-ups, which nothing can cut short.
const PATIENCE: Duration = Duration::from_millis(200);

#[expect(clippy::disallowed_macros, reason = "this is what speaks to the terminal")]
fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code.into(),
        Err(error) => {
            eprintln!("causeway: {error}");
            error.exit_code().into()
        }
    }
}

fn run(cli: Cli) -> Result<u8, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(cli.run());
    runtime.shutdown_timeout(PATIENCE);
    result
}
