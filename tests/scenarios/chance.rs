//! What is left to chance changes no account: which task runs first, how long a frame, a sync or an answer takes, which member a
//! request is passed to.

use causeway_sim::scenario::{Conditions, Scenario, tell};

use super::scenario_of;

/// Seeds, with the longest time that a frame takes, in microseconds.
const CONDITIONS: [(u64, u64); 8] = [(2, 1_000), (3, 300), (4, 1_000), (5, 3_000), (6, 1_000), (7, 3_000), (8, 210), (9, 1_000)];

/// Tells a scenario under all of them.
pub fn demand_the_same_account(name: &str) {
    let difference = difference(&scenario_of(name));
    assert!(difference.is_none(), "{name}, {}", difference.unwrap_or_default());
}

/// The first conditions under which the account is another, and how.
fn difference(scenario: &Scenario) -> Option<String> {
    let first = tell(scenario, &Conditions::default()).to_string();
    CONDITIONS.into_iter().find_map(|(seed, longest_us)| {
        let conditions = Conditions { seed, latency_us: 200..=longest_us, ..Conditions::default() };
        let other = tell(scenario, &conditions).to_string();
        let differs = first.lines().zip(other.lines()).find(|(one, other)| one != other);
        (first != other).then(|| format!("seed {seed}, frames up to {longest_us} us: {differs:?}\n{other}"))
    })
}

#[test]
fn a_story_that_leaves_something_to_chance_is_found() {
    let text = "# The member that a request is passed to is drawn by lot.\n\n\
        cluster nodes=6 shards=2\ncut n1 | n3 | n5\nalice put x 1 at n0\n";
    let scenario: Scenario = text.parse().unwrap_or_else(|error| panic!("{error}"));
    assert!(difference(&scenario).is_some_and(|difference| difference.contains("applied x=1")));
}
