//! The subcommands, one file each.

pub mod explain;
pub mod replay;
pub mod review;
pub mod scenario;

use std::{fs, path::Path};

use causeway_sim::{
    capsule::{self, Capsule},
    plan::{Plan, file},
};

/// The capsule in a file.
pub fn capsule_at(path: &Path) -> Result<Capsule, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    capsule::read(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// The plan in a file.
pub fn read_plan(path: &Path) -> Result<Plan, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    file::read(&text).map_err(|error| format!("{}: {error}", path.display()))
}
