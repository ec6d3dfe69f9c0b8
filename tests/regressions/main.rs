//! Bugs that were found and fixed. Each file is a plan that a seed was shrunk to, under the story of its bug, and each passes now.
//!
//! A plan that passes may have lost its bite, since the code around it changes. So a story names the planted bug that is the old one
//! made again, where there is one, and with it the plan must still fail.

use std::{fs, path::PathBuf};

use causeway::mutant::Mutant;
use causeway_sim::{
    plan::{Plan, file},
    run::{Verdict, run_plan},
    trace::Keep,
};

/// Before the name of a planted bug that the plan fails with.
const BITES: &str = "# Bites: ";

struct Regression {
    name: String,
    text: String,
    plan: Plan,
}

fn regressions() -> Vec<Regression> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/regressions");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("a text");
        let plan = file::read(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        Regression { name, text, plan }
    };
    paths.into_iter().map(read).collect()
}

fn bites(text: &str) -> Option<Mutant> {
    let name = text.lines().find_map(|line| line.strip_prefix(BITES))?;
    Some(name.trim_end_matches('.').parse().unwrap_or_else(|error| panic!("{error}")))
}

#[test]
fn what_was_fixed_stays_fixed() {
    let regressions = regressions();
    assert!(!regressions.is_empty(), "there are plans to run");
    for Regression { name, text, plan } in regressions {
        let story = text.lines().take_while(|line| line.starts_with('#')).count();
        assert!(story >= 3, "{name} tells its story before the plan");
        assert_eq!(plan.mutant, None, "{name}: the true store is what must pass");
        assert_eq!(run_plan(plan, Keep::Nothing).verdict, Verdict::Passed, "{name}");
    }
}

#[test]
fn what_was_broken_once_is_still_found_when_it_is_broken_again() {
    let mut bitten = 0;
    for Regression { name, text, plan } in regressions() {
        let Some(mutant) = bites(&text) else { continue };
        let report = run_plan(Plan { mutant: Some(mutant), ..plan }, Keep::Nothing);
        assert_ne!(report.verdict, Verdict::Passed, "{name} has lost its bite: {mutant} passes");
        bitten += 1;
    }
    assert!(bitten > 0, "at least one plan still bites");
}
