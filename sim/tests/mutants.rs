//! Each planted bug is caught, by who is named for it, in the run of one recorded seed. A net that catches nothing looks like a
//! program without bugs. How soon each is caught from anywhere is what `causeway-sim mutants` prints.

use causeway::mutant::Mutant;
use causeway_sim::mutants::recorded;

#[test]
fn every_planted_bug_is_caught_by_who_is_named_for_it() {
    let scores = recorded(&Mutant::ALL, 2);
    let missed: Vec<String> =
        scores.mutants.iter().filter(|score| !score.is_caught_as_named()).map(ToString::to_string).collect();
    assert!(missed.is_empty(), "not caught as named:\n{}", missed.join("\n"));
}
