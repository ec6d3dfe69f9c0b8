//! What a failing seed leaves behind.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    capsule::{Capsule, CapsuleError},
    plan::{Plan, file},
    run::{Report, run_plan},
    shrink::shrink_while,
    sweep::job::Small,
    trace::Keep,
};

/// Writes the capsule of a failed seed into a folder, which is made if it is not there. Returns where it is.
///
/// # Errors
/// The folder takes no file.
pub fn write_capsule(folder: &Path, plan: &Plan, report: &Report) -> Result<PathBuf, CapsuleError> {
    Capsule::pack(command(plan), plan.clone(), report).save(folder)
}

/// Makes the plan of a failed seed small, for as long as `go_on` says yes. The small plan goes into the seed's capsule, and into a file
/// of its own beside it. Nothing is written when the plan passes.
///
/// # Errors
/// The folder takes no file.
pub fn write_small(folder: &Path, plan: &Plan, go_on: &dyn Fn() -> bool) -> Result<Option<Small>, CapsuleError> {
    let Some(shrunk) = shrink_while(plan, go_on, &|_| {}) else { return Ok(None) };
    let mut capsule = Capsule::pack(command(plan), plan.clone(), &run_plan(plan.clone(), Keep::All));
    capsule.add_shrunk(shrunk.plan.clone(), &run_plan(shrunk.plan.clone(), Keep::All));
    let path = capsule.save(folder)?;
    let name = capsule.file_name().replace(".capsule.json", ".small.toml");
    let path = path.with_file_name(name);
    fs::write(&path, file::write(&shrunk.plan)?)?;
    let (operations, faults) = (shrunk.plan.operations.len(), shrunk.plan.faults.len());
    Ok(Some(Small { plan: path, operations, faults, runs: shrunk.runs, is_smallest: go_on() }))
}

/// The command that runs the seed of a plan again.
pub fn command(plan: &Plan) -> String {
    let mutant = plan.mutant.map(|mutant| format!(" --mutant {mutant}")).unwrap_or_default();
    format!("causeway-sim run --seed {}{mutant}", plan.seed)
}
