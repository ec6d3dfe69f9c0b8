//! The named histories of `sim/litmus`: a story, a verdict, and the operations.
//!
//! The comment `# expect: ...` says `consistent`, or `violated: ` and the name of what is wrong. The comment `# escapes without: ...`
//! names the rule of the offline checker without which the history would pass; `# passes online` that stamps do not show it.

use std::{fs, path::PathBuf};

use super::{
    ABSENT, Action, Agreement, Conclusion, History, Op, Outcome, Rule, Rules, Verdict, check, check_by, judge, online_agreement,
    oracle, text,
};

struct Litmus {
    name: String,
    expected: String,
    escapes_without: Option<Rule>,
    passes_online: bool,
    history: History,
    ops: Vec<Op>,
}

fn all() -> Vec<Litmus> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("litmus");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(read).collect()
}

fn read(path: PathBuf) -> Litmus {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let content = fs::read_to_string(&path).unwrap();
    let after = |mark: &str| content.lines().find_map(|line| line.strip_prefix(mark)).map(|rest| rest.trim().to_owned());
    let expected = after("# expect:").unwrap_or_else(|| panic!("{name} expects nothing"));
    let rule = after("# escapes without:");
    let escapes_without =
        rule.map(|rule| *Rule::ALL.iter().find(|known| known.to_string() == rule).unwrap_or_else(|| panic!("{name}: {rule}")));
    let passes_online = content.lines().any(|line| line == "# passes online");
    let story = content.lines().take_while(|line| line.starts_with('#')).count();
    assert!(story >= 3, "{name} tells no story");
    let history = text::read(content.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let ops = history.iter().collect();
    Litmus { name, expected, escapes_without, passes_online, history, ops }
}

#[test]
fn each_is_judged_as_it_says() {
    let all = all();
    assert!(all.len() >= 20);
    for litmus in &all {
        let report = judge(&litmus.history).unwrap();
        let found = match &report.conclusion {
            Conclusion::Consistent => "consistent".to_owned(),
            Conclusion::Undecided => "undecided".to_owned(),
            Conclusion::Violated { shrunk, .. } => format!("violated: {}", shrunk.counterexample.anomaly),
        };
        assert_eq!(found, litmus.expected, "{}\n{report}", litmus.name);
        assert_eq!(oracle::is_consistent(&litmus.ops), litmus.expected == "consistent", "{}: the oracle", litmus.name);
    }
}

#[test]
fn each_rule_has_one_that_escapes_without_it() {
    let all = all();
    for rule in Rule::ALL {
        let named: Vec<&Litmus> = all.iter().filter(|litmus| litmus.escapes_without == Some(rule)).collect();
        assert!(!named.is_empty(), "no litmus history escapes without '{rule}'");
        for litmus in named {
            assert!(check(&litmus.history).unwrap().is_violated(), "{}", litmus.name);
            let without = check_by(&litmus.history, Rules::ALL.without(rule)).unwrap();
            assert_eq!(without, Verdict::Consistent, "{} without '{rule}'", litmus.name);
        }
    }
}

#[test]
fn the_smallest_histories_are_smallest() {
    for litmus in all() {
        let Conclusion::Violated { shrunk, .. } = judge(&litmus.history).unwrap().conclusion else { continue };
        for left_out in &shrunk.ops {
            let seen = match left_out.action {
                Action::Read => None,
                Action::Put => Some(left_out.value),
                Action::Delete => Some(ABSENT),
            };
            let written = |op: &&Op| op.action == Action::Read && op.key == left_out.key && Some(op.value) == seen;
            let rest: Vec<Op> = shrunk.ops.iter().filter(|op| *op != left_out && !written(op)).copied().collect();
            assert!(oracle::is_consistent(&rest), "{} shrinks without {left_out}", litmus.name);
        }
        assert!(!oracle::is_consistent(&shrunk.ops), "{}", litmus.name);
    }
}

#[test]
fn checker_and_oracle_agree_on_what_is_left_when_operations_are_left_out() {
    let mut agreement = Agreement::default();
    for litmus in all() {
        for mask in 0..1_u32 << litmus.ops.len().min(9) {
            let ops: Vec<Op> =
                litmus.ops.iter().enumerate().filter(|(at, _)| *at >= 9 || mask >> at & 1 == 1).map(|(_, op)| *op).collect();
            agreement.judge(&ops);
        }
    }
    assert_eq!(agreement.differ, 0, "{agreement}");
}

#[test]
fn the_online_checker_judges_alike_whatever_the_stamps() {
    let mut judged = 0;
    for litmus in all() {
        let ops: Vec<Op> = litmus.ops.iter().filter(|op| op.outcome != Outcome::Failed).copied().collect();
        let Some(some_order_passes) = online_agreement::passes_by_some_order(&ops) else { continue };
        assert_eq!(some_order_passes, litmus.expected == "consistent" || litmus.passes_online, "{}", litmus.name);
        judged += 1;
    }
    assert!(judged >= 20, "only {judged} have stamps");
}
