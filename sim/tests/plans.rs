//! Plans as data: what is written can be read, edited and run, and a failing one can be made small.

use causeway::{id::NodeId, mutant::Mutant};
use causeway_sim::{
    fault::{Fault, Timed},
    plan::{
        Plan, Request, Wish,
        file::{read, write},
    },
    run::{Verdict, run_plan, run_plan_until},
    shrink::{LATER_US, shrink},
    trace::Keep,
};

fn file(seed: u64, mutant: Option<Mutant>) -> String {
    write(&Plan::draw(seed, mutant)).expect("a drawn plan has a file")
}

#[test]
fn the_plan_of_every_seed_is_read_as_it_was_written() {
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 0..300 {
        let plan = Plan::draw(seed, (seed % 7 == 0).then_some(Mutant::GapAccepted));
        kinds.extend(plan.faults.iter().map(|timed| timed.fault.kind()));
        assert_eq!(read(&write(&plan).expect("written")).as_ref(), Ok(&plan), "seed {seed}");
    }
    assert_eq!(kinds.len(), Fault::KINDS.len(), "every kind of fault was written: {kinds:?}");
}

#[test]
fn a_plan_from_a_file_is_the_same_run() {
    let plan = read(&file(3, None)).expect("a plan");
    let (first, again) = (run_plan(Plan::draw(3, None), Keep::Nothing), run_plan(plan, Keep::Nothing));
    assert_eq!((first.digest, first.operations, &first.faults), (again.digest, again.operations, &again.faults));
}

#[test]
fn a_file_that_was_edited_does_what_it_says() {
    let text = file(3, None);
    let (before, after) = text.split_once("faults = [\n").expect("a list");
    let (_, after) = after.split_once("]\n").expect("its end");
    let text =
        format!("# Only this.\n{before}faults = [\n  {{ at_ms = 500, fault = \"kill\", node = 4, down_ms = 100 }},\n]\n{after}");
    let plan = read(&text).expect("a plan");
    assert_eq!(plan.faults, [Timed { at_ms: 500, fault: Fault::Kill { node: NodeId(4), down_ms: 100 } }]);
    let report = run_plan(plan, Keep::Nothing);
    assert_eq!((report.verdict, report.faults), (Verdict::Passed, [("kill", 1)].into()));
}

#[test]
fn a_file_that_means_nothing_is_refused_with_the_reason() {
    let text = file(3, None);
    let faults = |line: &str| {
        let (before, after) = text.split_once("faults = [\n").expect("a list");
        format!(
            "{before}faults = [\n{line}\n{}",
            after.split_once("\n]\n").map(|(_, rest)| format!("]\n{rest}")).expect("its end")
        )
    };
    let cases = [
        (text.replace("format = 1", "format = 2"), "reads format 1"),
        (text.replace("nodes = 6", "nodes = 5"), "6 clocks for 5 nodes"),
        (text.replace("tail_bytes", "tale_bytes"), "tale_bytes"),
        (text.replace("do = \"put\"", "do = \"push\""), "push"),
        (text.replace("op = 7, ", "op = 8, "), "two are called #8"),
        (faults("{ at_ms = 1, fault = \"kill\", node = 9, down_ms = 1 },"), "there is no node 9"),
        (faults("{ at_ms = 1, fault = \"kill\", node = 1, down_ms = 1, for_ms = 1 },"), "for_ms"),
        (faults("{ at_ms = 1, fault = \"earthquake\" },"), "earthquake"),
        (
            faults("{ at_ms = 2, fault = \"blackout\", down_ms = 1 },\n{ at_ms = 1, fault = \"blackout\", down_ms = 1 },"),
            "after 2",
        ),
    ];
    for (text, reason) in cases {
        let refused = read(&text).expect_err(reason).to_string();
        assert!(refused.contains(reason), "{reason}: {refused}");
    }
}

#[test]
fn a_failing_plan_becomes_minimal_and_fails_in_the_same_way() {
    let caught_by = |plan: &Plan| run_plan(plan.clone(), Keep::Nothing).verdict.caught_by();
    let mut plans = (0..20).map(|seed| Plan::draw(seed, Some(Mutant::RecoveryDropsTail)));
    let plan = plans.find(|plan| caught_by(plan) != "nobody").expect("a seed shows it");
    let caught_by = caught_by(&plan);
    let shrunk = shrink(&plan, &|_| {}).expect("it fails");
    let Plan { faults, operations, .. } = &shrunk.plan;
    assert_eq!(shrunk.report.verdict.caught_by(), caught_by);
    assert_eq!(run_plan(shrunk.plan.clone(), Keep::Nothing).digest, shrunk.report.digest);
    assert!(faults.len() <= 3 && operations.len() <= 12, "{} faults, {} operations", faults.len(), operations.len());
    let without = |change: &dyn Fn(&mut Plan)| {
        let mut smaller = shrunk.plan.clone();
        change(&mut smaller);
        run_plan_until(smaller, shrunk.report.ended_us + LATER_US).verdict.caught_by()
    };
    for place in 0..faults.len() {
        assert_ne!(without(&|plan| drop(plan.faults.remove(place))), caught_by, "fault {place} can be left out");
    }
    for place in 0..operations.len() {
        assert_ne!(without(&|plan| drop(plan.operations.remove(place))), caught_by, "operation {place} can be left out");
    }
}

#[test]
fn a_plan_that_passes_has_nothing_to_be_made_small() {
    assert!(shrink(&Plan::draw(3, None), &|_| {}).is_none());
}

/// Each reshard is called off at another node, some before it has begun and some after its slots are handed over.
#[test]
fn reshards_that_are_called_off_under_faults_break_no_promise() {
    let mut called_off = 0;
    for seed in 1_000_000..1_000_005 {
        let mut plan = Plan::draw(seed, None);
        let reshards: Vec<Request> =
            plan.requests.iter().filter(|request| matches!(request.wish, Wish::Reshard { .. })).cloned().collect();
        for Request { at_ms, node, .. } in reshards {
            let after_ms = [20, 120, 300][called_off % 3];
            let node = NodeId((node.0 + 1) % u32::from(plan.nodes));
            plan.requests.push(Request { at_ms: at_ms + after_ms, node, wish: Wish::AbortReshard });
            called_off += 1;
        }
        plan.requests.sort_by_key(|request| request.at_ms);
        let report = run_plan(plan, Keep::Nothing);
        assert_eq!(report.verdict, Verdict::Passed, "seed {seed}");
    }
    assert!(called_off > 8, "{called_off}");
}
