//! Each planted bug is caught, by who is named for it. A net that catches nothing looks like a program without bugs.

use causeway::mutant::Mutant;
use causeway_sim::mutants::{SEED_LIMIT, hunt};

#[test]
fn every_planted_bug_is_caught_by_who_is_named_for_it() {
    let rows: Vec<_> = Mutant::ALL.into_iter().map(hunt).collect();
    let missed: Vec<String> = rows.iter().filter(|row| !row.is_caught_as_named()).map(ToString::to_string).collect();
    assert!(missed.is_empty(), "not caught as named within {SEED_LIMIT} seeds:\n{}", missed.join("\n"));
}
