//! What is left to chance changes no account: which task runs first, how long a frame, a sync or an answer takes, which member a
//! request is passed to.

use causeway_sim::scenario::Conditions;

use super::account_of;

/// Seeds, with the longest time that a frame takes, in microseconds.
const CONDITIONS: [(u64, u64); 8] = [(2, 1_000), (3, 300), (4, 1_000), (5, 3_000), (6, 1_000), (7, 3_000), (8, 210), (9, 1_000)];

/// Tells a scenario under all of them.
pub fn demand_the_same_account(name: &str) {
    let first = account_of(name, &Conditions::default()).to_string();
    for (seed, longest_us) in CONDITIONS {
        let conditions = Conditions { seed, latency_us: 200..=longest_us, ..Conditions::default() };
        let other = account_of(name, &conditions).to_string();
        let differs = first.lines().zip(other.lines()).find(|(one, other)| one != other);
        assert!(first == other, "{name}, seed {seed}, frames up to {longest_us} us: {differs:?}\n{other}");
    }
}
