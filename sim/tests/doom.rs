//! From which event on a failing run can no longer be saved, on plans of which that is known.

use causeway::{id::NodeId, mutant::Mutant};
use causeway_sim::{
    doom::{Doom, REPLAYS, doom},
    fault::{Fault, Timed},
    history::{OpId, SessionId},
    plan::{Action, Plan, Planned, Retry},
    relative::PlanEvent,
    run::{Verdict, run_forked, run_plan},
    streams::Fork,
    trace::{Keep, Line},
};

fn operation(op: u32, at_ms: u64, action: Action) -> Planned {
    Planned { op: OpId(op), at_ms, session: SessionId(op as u16), node: NodeId(1), action }
}

/// A put that arrives or is lost on its way, a read, and a crash after which a planted bug forgets the put. Whether it is lost is
/// decided between the put and the read, and with it whether there is anything to forget.
fn decided_by_one_request(seed: u64, client_loss: f64) -> Plan {
    let put = Action::Put { key: "x".into(), retry: Retry::Never, concern: 1 };
    Plan {
        mutant: Some(Mutant::RecoveryDropsTail),
        client_loss,
        faults: vec![Timed { at_ms: 505, fault: Fault::Kill { node: NodeId(1), down_ms: 200 } }],
        operations: vec![
            operation(0, 100, Action::Get { key: "y".into() }),
            operation(1, 500, put),
            operation(2, 503, Action::Get { key: "z".into() }),
        ],
        ..Plan::two_quiet_nodes(seed)
    }
}

fn fails(plan: &Plan) -> bool {
    run_plan(plan.clone(), Keep::Nothing).verdict != Verdict::Passed
}

fn counts(found: &Doom) -> Vec<(u64, u32)> {
    found.curve.iter().map(|point| (point.event.at_ms(), point.failing)).collect()
}

#[test]
fn the_doom_is_the_first_event_after_chance_had_its_say() {
    let plan = (0..20).map(|seed| decided_by_one_request(seed, 0.5)).find(fails).expect("half of them fail");
    let found = doom(&plan, 2, &|_| {}).expect("it fails");
    let read = PlanEvent::Operation(plan.operations[2].clone());
    assert_eq!(found.event(), Some(&read), "{found}");
    let [(100, before), (500, put), (503, REPLAYS), (505, REPLAYS)] = counts(&found)[..] else { panic!("{found}") };
    assert!((1..REPLAYS).contains(&before) && (1..REPLAYS).contains(&put), "{found}");
    let text = found.to_string();
    assert!(text.contains(&format!(" 20 {} at 503 ms: #2 c2 at n1: get z  <- doomed from here on", "#".repeat(20))), "{text}");
}

#[test]
fn what_chance_has_no_say_in_is_doomed_from_its_first_event_on() {
    let found = doom(&decided_by_one_request(1, 0.0), 2, &|_| {}).expect("it fails");
    assert_eq!(found.doomed, Some(0), "{found}");
    let passes = Plan { mutant: None, ..decided_by_one_request(1, 0.0) };
    assert!(doom(&passes, 2, &|_| {}).is_none());
}

#[test]
fn what_chance_decides_after_the_last_event_has_no_doom() {
    let plan = |seed| {
        let mut plan = Plan { mutant: Some(Mutant::AnswerWithoutDot), faults: vec![], ..decided_by_one_request(seed, 0.5) };
        plan.operations.pop();
        plan
    };
    let plan = (0..40).map(plan).find(fails).expect("of a quarter, request and answer arrive");
    let found = doom(&plan, 2, &|_| {}).expect("it fails");
    assert!(found.event().is_none() && found.curve.iter().all(|point| point.failing < REPLAYS), "{found}");
    assert!(found.to_string().ends_with("Even after the last event chance decides."), "{found}");
}

#[test]
fn a_fork_is_the_same_run_until_its_time_and_another_one_after() {
    let plan = || Plan { faults_ms: 3_000, ..Plan::draw(3, None) };
    let at_us = 2_500_000;
    let trace = |salt| run_forked(plan(), Keep::All, Fork { at_us, salt }).trace;
    let [plain, one, two] = [run_plan(plan(), Keep::All).trace, trace(1), trace(2)];
    let until = |trace: &[Line]| trace.iter().take_while(|line| line.at_us < at_us).cloned().collect::<Vec<_>>();
    assert!(until(&plain).len() > 1_000);
    assert!(until(&plain) == until(&one) && until(&one) == until(&two), "they part before {at_us} us");
    assert!(plain != one && one != two, "they never part");
    assert!(one == trace(1), "a fork is a run too");
}
