//! Scenarios that a reader can follow, one a file in `tests/scenarios`, and the account of each in `snapshots/`. An account changes
//! only when what somebody can observe changes: `chance.rs` and `change.rs` hold it to both halves of that.

mod chance;
mod change;

use std::{collections::BTreeSet, fs, path::PathBuf};

use causeway_sim::scenario::{Account, Conditions, Scenario, scene, tell};

/// How many lines an account may have: two screens.
const TWO_SCREENS: usize = 80;

/// Makes a test of each scenario, and a list of them all.
macro_rules! scenarios {
    ($($name:ident,)*) => {
        /// All scenarios, by the names of their files.
        const SCENARIOS: &[&str] = &[$(stringify!($name)),*];

        /// Each scenario's account is the one in `snapshots/`.
        mod account {
            $(
                #[test]
                fn $name() {
                    super::compare_with_snapshot(stringify!($name));
                }
            )*
        }

        /// Each scenario's account is the same whatever is left to chance.
        mod under_other_conditions {
            $(
                #[test]
                fn $name() {
                    super::chance::demand_the_same_account(stringify!($name));
                }
            )*
        }
    };
}

scenarios! {
    a_clock_that_runs_ahead_stops_writing,
    a_clock_that_went_back_is_not_believed,
    a_delete_and_a_write_meet,
    a_delete_leaves_nothing_behind,
    a_failed_fsync_ends_the_actor,
    a_forged_token_is_refused,
    a_full_disk_refuses_writes,
    a_long_fork_is_allowed,
    a_lost_answer_is_asked_for_again,
    a_lost_disk_is_filled_again,
    a_move_is_finished_and_the_old_replicas_drop_it,
    a_node_cut_off_goes_on_writing,
    a_node_joins_and_leaves,
    a_node_that_stays_away_loses_its_place,
    a_request_finds_another_member,
    a_reshard_begins_and_nobody_waits,
    a_retry_elsewhere_is_joined_with_the_first,
    a_retry_is_one_write,
    a_ring_of_nodes_stays_one_cluster,
    a_slow_link_loses_nothing,
    a_straggler_gets_a_snapshot,
    a_token_outlives_all_nodes,
    a_torn_log_tail_is_cut_off,
    a_write_concern_is_met_or_its_outcome_unknown,
    a_write_is_seen_at_every_node,
    an_effect_waits_for_its_cause,
    an_evicted_node_returns_by_itself,
    concurrent_writes_converge,
    frames_that_come_twice_count_once,
    repair_is_held_off_after_a_heal,
    slots_are_handed_over_while_one_has_not_heard,
    slow_is_not_dead,
    what_comes_late_is_known_already,
    what_is_held_back_arrives,
    what_was_acknowledged_survives_power_loss,
}

/// A scenario, from its file.
fn scenario_of(name: &str) -> Scenario {
    let path = folder().join(format!("{name}.txt"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.parse().unwrap_or_else(|error| panic!("{name}.txt: {error}"))
}

/// A scenario, told under conditions.
fn account_of(name: &str, conditions: &Conditions) -> Account {
    tell(&scenario_of(name), conditions)
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

fn compare_with_snapshot(name: &str) {
    let text = account_of(name, &Conditions::default()).to_string();
    let lines = text.lines().count();
    assert!(lines <= TWO_SCREENS, "{name}: {lines} lines are more than two screens");
    let read = Account::read(&text).unwrap_or_else(|| panic!("{name}: an account is read back"));
    assert_eq!(read.to_string(), text, "{name}");
    assert!(scene(name, &read).is_some(), "{name}: an account is drawn");
    insta::with_settings!({
        snapshot_path => "../../snapshots",
        prepend_module_to_snapshot => false,
        omit_expression => true,
        input_file => folder().join(format!("{name}.txt")),
    }, {
        insta::assert_snapshot!(name, text);
    });
}

#[test]
fn every_file_has_its_test_and_its_account_and_there_is_no_other() {
    let stems = |folder: PathBuf, ending: &str| -> BTreeSet<String> {
        let names = fs::read_dir(folder).expect("a folder of the repository can be listed");
        let names = names.map(|entry| entry.expect("an entry can be read").file_name().to_string_lossy().into_owned());
        names.filter_map(|name| name.strip_suffix(ending).map(str::to_owned)).collect()
    };
    let listed: BTreeSet<String> = SCENARIOS.iter().map(ToString::to_string).collect();
    assert_eq!(stems(folder(), ".txt"), listed);
    assert_eq!(stems(folder().join("../../snapshots"), ".snap"), listed);
}

#[test]
fn an_account_without_what_happened_is_its_scenario() {
    for name in SCENARIOS {
        let scenario = scenario_of(name);
        let text = tell(&scenario, &Conditions::default()).scenario();
        let again: Scenario = text.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        let lines = |scenario: &Scenario| scenario.lines.iter().map(|line| line.text.clone()).collect::<Vec<_>>();
        assert_eq!((again.why.clone(), lines(&again)), (scenario.why.clone(), lines(&scenario)), "{name}");
    }
}

/// The first block of the document is a scenario, and the second the end of its account.
#[test]
fn the_example_in_the_document_is_as_it_says() {
    let document = fs::read_to_string(folder().join("../../docs/scenarios.md")).expect("the document is there");
    let mut blocks = document.split("```text\n").skip(1).filter_map(|rest| rest.split("```").next());
    let (example, end) = (blocks.next().expect("an example"), blocks.next().expect("its account"));
    let scenario: Scenario = example.parse().unwrap_or_else(|error| panic!("{error}"));
    let account = tell(&scenario, &Conditions::default()).to_string();
    assert!(account.ends_with(end), "{account}");
}
