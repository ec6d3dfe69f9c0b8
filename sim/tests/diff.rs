//! Two runs beside each other: where they part, and what one event makes of a failing run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use causeway::{id::NodeId, mutant::Mutant};
use causeway_sim::{
    diff::{CONTEXT, first_divergence},
    fault::{Breakage, Fault, Timed},
    history::{OpId, Outcome, SessionId},
    plan::{Action, Plan, Planned, Retry, file},
    relative::{Delivery, NoPair, Place, PlanEvent, nearest_passing},
    run::run_plan,
    trace::Keep,
};

fn plan(mutant: Option<Mutant>, faults: Vec<Timed>, operations: Vec<Planned>) -> Plan {
    Plan { mutant, faults, operations, ..Plan::two_quiet_nodes(1) }
}

fn isolated(at_ms: u64) -> Timed {
    Timed { at_ms, fault: Fault::Links { breakage: Breakage::Isolate(NodeId(1)), for_ms: 2_000 } }
}

fn operation(op: u32, at_ms: u64, node: u32, action: Action) -> Planned {
    Planned { op: OpId(op), at_ms, session: SessionId(0), node: NodeId(node), action }
}

fn put(op: u32, at_ms: u64, node: u32, key: &str) -> Planned {
    operation(op, at_ms, node, Action::Put { key: key.into(), retry: Retry::Never, concern: 1 })
}

fn get(op: u32, at_ms: u64, node: u32, key: &str) -> Planned {
    operation(op, at_ms, node, Action::Get { key: key.into() })
}

/// A session writes at one node and reads at the other, which was cut off before: a store that does not ask for what the session
/// has seen shows it nothing.
fn stale_read() -> Plan {
    let operations = vec![get(0, 100, 1, "y"), put(1, 500, 0, "x"), get(2, 1_000, 1, "x")];
    plan(Some(Mutant::ReadWithoutCheck), vec![isolated(300)], operations)
}

#[test]
fn the_event_without_which_a_run_passes_is_found_with_what_it_changed() {
    let pair = nearest_passing(&stale_read()).expect("it fails, and passes without the cut");
    assert_eq!(pair.event, PlanEvent::Fault(isolated(300)));
    assert_eq!(pair.others, [PlanEvent::Operation(put(1, 500, 0, "x")), PlanEvent::Operation(get(2, 1_000, 1, "x"))]);
    let differs = &pair.comparison;
    let outcomes: Vec<_> = differs.outcomes.iter().map(|(operation, outcomes)| (operation.id, *outcomes)).collect();
    assert_eq!(outcomes, [(OpId(2), [Some(Outcome::Pending), Some(Outcome::Found(OpId(1)))])]);
    let applied: Vec<_> = differs.applied.iter().collect();
    let [(place, [None, Some(_)])] = applied[..] else { panic!("{applied:?}") };
    assert_eq!(*place, Place { key: "x".into(), node: NodeId(1), write: OpId(1) });
    assert!(differs.messages.contains_key(&Delivery { write: OpId(1), from: NodeId(0), to: NodeId(1) }), "{differs}");
    let [with, without] = differs.lost[&(NodeId(0), NodeId(1))];
    assert!(with > 0 && without == 0, "{differs}");
    let text = pair.to_string();
    for line in ["passes without:  at 300 ms: n1 cut from all others", "#1 applied at n1: x", "#1 from n0 to n1"] {
        assert!(text.contains(line), "{line}:\n{text}");
    }
}

#[test]
fn what_a_node_went_through_is_compared_too() {
    let stop = Timed { at_ms: 505, fault: Fault::Kill { node: NodeId(1), down_ms: 200 } };
    let plan = plan(Some(Mutant::RecoveryDropsTail), vec![stop.clone()], vec![put(0, 500, 1, "x")]);
    let pair = nearest_passing(&plan).expect("it fails, and passes without the crash");
    assert_eq!(pair.event, PlanEvent::Fault(stop));
    assert_eq!(pair.comparison.events.get(&(NodeId(1), "recovered".to_owned())), Some(&[1, 0]), "{pair}");
}

#[test]
fn a_plan_without_such_an_event_is_told_from_one_that_passes() {
    let passes = Plan { mutant: None, ..stale_read() };
    assert_eq!(nearest_passing(&passes).err(), Some(NoPair::Passes));
    // Twice the same: each alone is enough.
    let twice = plan(Some(Mutant::AnswerWithoutDot), vec![], vec![put(0, 500, 0, "x"), put(1, 500, 1, "y")]);
    let twice =
        Plan { operations: vec![twice.operations[0].clone(), Planned { session: SessionId(1), ..put(1, 500, 1, "y") }], ..twice };
    assert_eq!(nearest_passing(&twice).err(), Some(NoPair::FailsAnyway(2)));
}

#[test]
fn traces_part_at_the_event_that_one_of_them_lacks() {
    let traces =
        [stale_read(), PlanEvent::Fault(isolated(300)).left_out(&stale_read())].map(|plan| run_plan(plan, Keep::All).trace);
    let [left, right] = traces;
    let lines = left.len();
    let divergence = first_divergence(left.clone(), right).expect("they differ");
    assert_eq!(divergence.left[0].at_us, 1_300_000, "{divergence}");
    assert!(divergence.left[0].to_string().contains("n1 cut from all others"), "{divergence}");
    assert_eq!((divergence.before.len(), divergence.left.len(), divergence.right.len()), (CONTEXT, CONTEXT, CONTEXT));
    assert_eq!(left[divergence.common], divergence.left[0]);
    assert_eq!(first_divergence(left.clone(), left.clone()), None);
    let shorter = first_divergence(left.clone(), left[..lines - 1].iter().cloned()).expect("one ends before");
    assert_eq!((shorter.common, shorter.left.len(), shorter.right.len()), (lines - 1, 1, 0));
    assert!(shorter.to_string().ends_with("> (ends here)"), "{shorter}");
}

fn diff(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_causeway-sim"));
    command.arg("diff").args(arguments).output().expect("the program starts")
}

fn plan_file(name: &str, plan: &Plan) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, file::write(plan).expect("a plan has a file")).expect("a file can be written");
    path
}

#[test]
fn the_command_compares_plans_each_in_a_process() {
    let whole = plan_file("diff-whole.toml", &stale_read());
    let less = plan_file("diff-less.toml", &PlanEvent::Fault(isolated(300)).left_out(&stale_read()));
    let [whole, less] = [whole, less].map(|path| path.display().to_string());
    let same = diff(&[&whole, &whole]);
    assert_eq!((same.status.code(), String::from_utf8_lossy(&same.stdout).trim()), (Some(0), "no difference"));
    let other = diff(&[&whole, &less]);
    let text = String::from_utf8_lossy(&other.stdout);
    assert_eq!(other.status.code(), Some(1));
    assert!(text.contains("they part at 1.300000 s"), "{text}");
    let without = diff(&["--without-one", &whole]);
    let text = String::from_utf8_lossy(&without.stdout);
    assert_eq!(without.status.code(), Some(0));
    assert!(text.contains("passes without:  at 300 ms: n1 cut from all others"), "{text}");
    assert_eq!(diff(&[&whole]).status.code(), Some(2), "one side is no comparison");
}
