//! `causeway-sim scenario`: tells a scenario.
#![expect(clippy::disallowed_macros, reason = "a command speaks to the terminal")]

use std::{fs, path::PathBuf, process::ExitCode};

use causeway::mutant::Mutant;
use causeway_sim::{
    picture,
    scenario::{Conditions, Scenario, scene, tell},
};
use clap::Args;

/// What `scenario` can be told.
#[derive(Debug, Args)]
pub struct ScenarioArgs {
    /// The file; docs/scenarios.md describes the language.
    file: PathBuf,
    /// What is left to chance is drawn from this. The account does not depend on it.
    #[arg(long, default_value_t = Conditions::default().seed)]
    seed: u64,
    /// A bug to plant: the account may show it.
    #[arg(long, value_name = "NAME")]
    mutant: Option<Mutant>,
    /// Writes a page with the space-time diagram.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
}

/// Prints the account.
///
/// # Errors
/// The file cannot be read, or is no scenario, or the page cannot be written.
pub fn run(args: &ScenarioArgs) -> Result<ExitCode, String> {
    let of_file = |error: &dyn std::fmt::Display| format!("{}: {error}", args.file.display());
    let text = fs::read_to_string(&args.file).map_err(|error| of_file(&error))?;
    let scenario: Scenario = text.parse().map_err(|error| of_file(&error))?;
    let account = tell(&scenario, &Conditions { seed: args.seed, mutant: args.mutant, ..Conditions::default() });
    print!("{account}");
    if let Some(page) = &args.page {
        let scene = scene(&args.file.display().to_string(), &account).ok_or_else(|| of_file(&"its account cannot be drawn"))?;
        fs::write(page, picture::page(&scene)).map_err(|error| format!("{}: {error}", page.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}
