//! What is left of a run that panics: all that happened before.

use causeway::id::NodeId;
use causeway_sim::{
    capsule::Capsule,
    plan::Plan,
    run::{Verdict, Window, run_plan, run_watched},
    trace::Keep,
};

/// A plan in whose middle a client asks a node that is not there: the simulator panics.
fn panicking() -> Plan {
    let mut plan = Plan::draw(1, None);
    let middle = plan.operations.len() / 2;
    plan.operations[middle].node = NodeId(99);
    plan
}

#[test]
fn a_panic_leaves_the_trace_and_the_history() {
    let report = run_plan(panicking(), Keep::All);
    assert!(matches!(report.verdict, Verdict::Crash(_)), "{}", report.verdict);
    let last = report.trace.last().expect("a line").at_us;
    assert!(report.trace.len() > 1_000 && last <= report.ended_us, "{} lines", report.trace.len());
    assert!(report.operations > 0 && !report.history.is_empty());
    let again = run_plan(panicking(), Keep::Nothing);
    assert_eq!((again.digest, again.operations, again.ended_us), (report.digest, report.operations, report.ended_us));
    let capsule = Capsule::pack("by hand".to_owned(), panicking(), &report);
    assert_eq!((capsule.found.caught_by.as_str(), capsule.evidence.trace.len()), ("crash", report.trace.len()));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "whoever looks into a run stands beside it")]
fn a_run_that_goes_on_can_be_looked_into() {
    let window = Window::default();
    let seen = window.clone();
    let run = std::thread::spawn(move || run_watched(Plan::draw(1, None), Keep::All, seen));
    let mut lines = 0;
    while lines == 0 && !run.is_finished() {
        lines = window.report(Verdict::Passed).trace.len();
    }
    assert!(lines > 0, "nothing was seen of it");
    run.join().expect("it ends well");
}
