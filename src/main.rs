//! The server and its tools.

use std::process::ExitCode;

use causeway::cli::Cli;
use clap::Parser;

#[tokio::main]
#[expect(clippy::disallowed_macros, reason = "this is what speaks to the terminal")]
async fn main() -> ExitCode {
    match Cli::parse().run().await {
        Ok(code) => code.into(),
        Err(error) => {
            eprintln!("causeway: {error}");
            error.exit_code().into()
        }
    }
}
