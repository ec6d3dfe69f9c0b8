//! What a failing seed leaves behind.

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use crate::{
    plan::{Plan, file},
    run::Report,
};

/// Writes the capsule of a failed run into a folder, which is made if it is not there. Returns where it is.
///
/// # Errors
/// The folder takes no file.
pub fn write_capsule(folder: &Path, plan: &Plan, report: &Report) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let mutant = plan.mutant.map(|mutant| format!("-{mutant}")).unwrap_or_default();
    let path = folder.join(format!("seed-{}{mutant}.toml", plan.seed));
    let text = file::write(plan).map_err(|error| io::Error::new(ErrorKind::InvalidData, error.to_string()))?;
    let verdict = report.verdict.to_string().replace('\n', "\n# ");
    fs::write(&path, format!("# {verdict}\n{text}"))?;
    Ok(path)
}
