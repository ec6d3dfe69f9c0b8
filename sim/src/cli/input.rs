//! What commands are given: seeds, plans in files, mutants.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use causeway::mutant::Mutant;
use causeway_sim::{
    capsule::{self, Capsule},
    plan::{Plan, file},
};

/// One run: a seed, or a file with a plan.
#[derive(Debug, clap::Args)]
pub struct PlanInput {
    /// Which seed
    #[arg(long, required_unless_present = "plan")]
    seed: Option<u64>,
    /// A file with a plan, or a capsule
    #[arg(value_name = "PLAN", conflicts_with_all = ["seed", "mutant"])]
    plan: Option<PathBuf>,
    /// A bug to plant
    #[arg(long, value_name = "NAME")]
    mutant: Option<Mutant>,
}

impl PlanInput {
    /// The plan.
    ///
    /// # Errors
    /// There is no such file, or no plan in it.
    pub fn read(&self) -> Result<Plan, String> {
        match &self.plan {
            Some(path) => read_plan(path),
            None => Ok(Plan::draw(self.seed.unwrap_or_default(), self.mutant)),
        }
    }
}

/// Reads the plan in a file; of a capsule, the smallest plan that it has.
///
/// # Errors
/// There is no such file, or no plan in it.
pub fn read_plan(path: &Path) -> Result<Plan, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if text.starts_with('{') {
        return Ok(capsule_at(path)?.smallest().plan.clone());
    }
    file::read(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads a capsule.
///
/// # Errors
/// There is no such file, or no capsule in it.
pub fn capsule_at(path: &Path) -> Result<Capsule, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    capsule::read(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads `A..B`.
pub fn parse_seeds(text: &str) -> Result<Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("seeds are written A..B")?;
    let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{text}: {error}"));
    let (from, to) = (number(from)?, number(to)?);
    if from < to { Ok(from..to) } else { Err("there is no seed in it".to_owned()) }
}

/// Shows data as JSON.
///
/// # Errors
/// Never, but for what cannot be shown.
pub fn json(value: &impl serde::Serialize) -> Result<String, String> {
    serde_json::to_string_pretty(value).map_err(|error| error.to_string())
}
