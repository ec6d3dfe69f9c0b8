//! Sweeps as a user runs them: processes die and hang, seeds are partitioned, runs are repeated, canaries escape. What is broken is
//! broken on purpose, so that a sweep is seen to notice.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use causeway_sim::{capsule, diff::read_trace, plan};
use serde_json::Value;

/// A bug that every seed shows within a few operations, so that a sweep over it is fast.
const QUICK: &[&str] = &["--mutant", "answer-without-dot"];
/// Shrinking takes longer than the sweep.
const WHOLE: &[&str] = &["--shrink-s", "0"];

struct Swept {
    code: Option<i32>,
    report: Value,
    out: PathBuf,
}

impl Swept {
    /// The seeds of the groups of a kind.
    fn seeds(&self, kind: &str) -> BTreeSet<u64> {
        let groups = self.groups().filter(|group| group["kind"] == kind);
        groups.flat_map(|group| group["seeds"].as_array().cloned().unwrap_or_default()).filter_map(|seed| seed.as_u64()).collect()
    }

    fn groups(&self) -> impl Iterator<Item = &Value> {
        self.report["groups"].as_array().into_iter().flatten()
    }
}

impl Drop for Swept {
    fn drop(&mut self) {
        // Left behind where it cannot be removed.
        let _ = fs::remove_dir_all(&self.out);
    }
}

fn command(name: &str, arguments: &[&str]) -> (Command, PathBuf) {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sweep-{name}"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_causeway-sim"));
    command.arg("sweep").args(arguments).arg("--json").arg("--out").arg(&out);
    (command, out)
}

fn sweep(name: &str, arguments: &[&str]) -> Swept {
    let (mut command, out) = command(name, arguments);
    let output = command.output().expect("the program starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {errors}"));
    Swept { code: output.status.code(), report, out }
}

#[test]
fn a_seed_that_takes_its_process_down_loses_only_itself() {
    let broken = ["--seeds", "0..5", "--seed-limit-s", "10", "--sabotage", "abort@2", "--sabotage", "hang@3"];
    let swept = sweep("lost", &[&broken, QUICK, WHOLE].concat());
    assert_eq!(swept.seeds("safety"), [0, 1, 4].into());
    assert_eq!(swept.seeds("crash"), [2, 3].into());
    let evidence: Vec<String> = swept.groups().map(|group| group["smallest"]["failure"]["evidence"].to_string()).collect();
    assert!(evidence.iter().any(|text| text.contains("the process died: signal: 6")), "{evidence:?}");
    assert!(evidence.iter().any(|text| text.contains("hangs: no end within 10 s")), "{evidence:?}");
    assert_eq!((swept.report["seeds"].as_u64(), swept.code), (Some(5), Some(11)), "safety outranks crashes");
    let only = sweep("aborted", &[&["--seeds", "2..3", "--sabotage", "abort@2"], QUICK, WHOLE].concat());
    assert_eq!((only.seeds("crash"), only.code), ([2].into(), Some(10)));
}

#[test]
fn failures_come_in_groups_with_a_replay_and_a_capsule() {
    let swept = sweep("groups", &[&["--seeds", "0..6"], QUICK, WHOLE].concat());
    let groups: Vec<&Value> = swept.groups().collect();
    let [group] = groups[..] else { panic!("one bug, {} groups", groups.len()) };
    assert_eq!((&group["caught_by"], &group["property"]), (&"token_covers_past".into(), &"I1 tokens cover the past".into()));
    assert_eq!(swept.seeds("safety"), (0..6).collect());
    let seed = &group["smallest"]["seed"];
    assert_eq!(group["replay"], format!("causeway-sim run --seed {seed} --mutant answer-without-dot"));
    let capsule = group["capsule"].as_str().expect("a path");
    let capsule = capsule::read(&fs::read_to_string(capsule).expect("it was written")).expect("a capsule");
    assert_eq!((Some(capsule.found.plan.seed), capsule.found.exit_code), (seed.as_u64(), 11));
    assert!(!capsule.evidence.trace.is_empty() && !capsule.evidence.history.is_empty());
    assert_eq!(fs::read_dir(&swept.out).expect("a folder").count(), 6, "every failing seed left its capsule");
}

#[test]
fn the_smallest_failure_of_a_group_is_shrunk_in_the_end() {
    let swept = sweep("small", &[&["--seeds", "0..2", "--shrink-s", "30"], QUICK].concat());
    let group = swept.groups().next().expect("a group");
    let small = &group["small"];
    assert!(small["operations"].as_u64().is_some_and(|operations| operations < 20), "{small}");
    let plan = plan::file::read(&fs::read_to_string(small["plan"].as_str().expect("a path")).expect("it was written"));
    let capsule = capsule::read(&fs::read_to_string(group["capsule"].as_str().expect("a path")).expect("it is there"));
    let shrunk = capsule.expect("a capsule").shrunk.expect("the small plan is in it");
    assert_eq!(plan.expect("a plan"), shrunk.plan);
    assert_eq!(shrunk.caught_by, "token_covers_past");
}

#[test]
fn the_parts_of_a_sweep_run_every_seed_once() {
    let part =
        |part: &str| sweep(&format!("part{}", &part[..1]), &[&["--seeds", "3..13", "--partition", part], QUICK, WHOLE].concat());
    let mut all: Vec<u64> = ["0/3", "1/3", "2/3"].iter().flat_map(|text| part(text).seeds("safety")).collect();
    all.sort_unstable();
    assert_eq!(all, (3..13).collect::<Vec<_>>());
}

#[test]
fn enough_failures_end_a_sweep() {
    let swept = sweep("fast", &[&["--seeds", "0..50", "--fail-fast", "--jobs", "1"], QUICK, WHOLE].concat());
    assert_eq!((swept.report["failures"].as_u64(), swept.report["seeds_not_run"].as_u64()), (Some(1), Some(49)));
    assert_eq!(swept.code, Some(11));
}

#[test]
fn a_seed_that_is_another_run_in_another_process_is_told_with_the_place() {
    let swept = sweep("differ", &["--seeds", "5..6", "--sabotage", "differ@5"]);
    assert_eq!((swept.seeds("non-determinism"), swept.code), ([5].into(), Some(13)));
    let group = swept.groups().next().expect("a group");
    let divergence = group["divergence"].as_str().expect("where they part");
    assert!(
        divergence.contains("lines are the same") && divergence.contains("\n< ") && divergence.contains("\n> "),
        "{divergence}"
    );
    let [left, right] = ["left", "right"].map(|side| swept.out.join(format!("seed-5.{side}.jsonl")));
    let [left, right] = [left, right].map(|path| read_trace(&path).expect("a trace"));
    assert!(left.len() > 1_000 && left != right);
}

#[test]
fn a_sweep_that_finds_nothing_has_caught_its_canary_and_repeated_a_seed() {
    let swept = sweep("true", &["--seeds", "5..6"]);
    assert_eq!((swept.code, &swept.report["canary"]["fate"]), (Some(0), &"caught".into()), "{}", swept.report);
    assert_eq!((swept.report["repeated"].as_u64(), swept.report["failures"].as_u64()), (Some(1), Some(0)));
    assert!(swept.report["operations_a_cpu_second"].as_f64().is_some_and(|rate| rate > 1.0));
}

#[test]
fn a_sweep_whose_canary_has_no_bug_fails() {
    let swept = sweep("dud", &["--seeds", "5..6", "--sabotage", "dud-canary", "--canary-seeds", "2"]);
    assert_eq!((swept.code, &swept.report["canary"]["fate"]), (Some(14), &"missed".into()), "{}", swept.report);
}

#[test]
fn an_interrupted_sweep_tells_what_it_found() {
    let (mut command, out) =
        command("interrupted", &[&["--seeds", "0..100000", "--max-failures", "100000"], QUICK, WHOLE].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut errors = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    errors.read_line(&mut line).expect("a failure is told at once");
    assert!(line.starts_with("seed "), "{line}");
    let signalled = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill is there");
    assert!(signalled.success());
    let output = child.wait_with_output().expect("it ends");
    drop(errors);
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    let swept = Swept { code: output.status.code(), report, out };
    assert_eq!(swept.code, Some(130));
    assert!(!swept.seeds("safety").is_empty());
    assert!(swept.report["seeds_not_run"].as_u64().is_some_and(|left| left > 90_000));
}
