//! `causeway-sim review`: makes a page of the snapshots that changed.
#![expect(clippy::disallowed_macros, reason = "a command speaks to the terminal")]

use std::{fs, path::PathBuf, process::ExitCode};

use causeway_sim::review::{find, page};
use clap::Args;

/// What `review` can be told.
#[derive(Debug, Args)]
pub struct ReviewArgs {
    /// Where to look for snapshots that changed.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Where to write the page.
    #[arg(long, short, value_name = "FILE", default_value = "target/review.html")]
    out: PathBuf,
}

/// Writes the page and says what is on it.
///
/// # Errors
/// A file cannot be read or written.
pub fn run(args: &ReviewArgs) -> Result<ExitCode, String> {
    let pending = find(&args.folder).map_err(|error| error.to_string())?;
    if pending.is_empty() {
        println!("no snapshot waits for a review");
        return Ok(ExitCode::SUCCESS);
    }
    let write = || {
        fs::create_dir_all(args.out.parent().unwrap_or(&args.out))?;
        fs::write(&args.out, page(&pending))
    };
    write().map_err(|error| format!("{}: {error}", args.out.display()))?;
    for change in &pending {
        println!("{}", change.name);
    }
    println!("{} to review: {}", pending.len(), args.out.display());
    println!("accept or reject with `cargo insta`");
    Ok(ExitCode::SUCCESS)
}
