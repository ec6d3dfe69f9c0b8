//! What a failing seed leaves behind.

use std::path::{Path, PathBuf};

use crate::{
    capsule::{Capsule, CapsuleError},
    plan::Plan,
    run::Report,
};

/// Writes the capsule of a failed seed into a folder, which is made if it is not there. Returns where it is.
///
/// # Errors
/// The folder takes no file.
pub fn write_capsule(folder: &Path, plan: &Plan, report: &Report) -> Result<PathBuf, CapsuleError> {
    Capsule::pack(command(plan), plan.clone(), report).save(folder)
}

/// The command that runs the seed of a plan again.
pub fn command(plan: &Plan) -> String {
    let mutant = plan.mutant.map(|mutant| format!(" --mutant {mutant}")).unwrap_or_default();
    format!("causeway-sim run --seed {}{mutant}", plan.seed)
}
