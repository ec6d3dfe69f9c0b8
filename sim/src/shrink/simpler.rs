//! Changes that make a plan simpler. Whether the result still fails is for the search to find out.

use std::collections::{BTreeMap, BTreeSet};

use causeway::{clock::ENTRY_CAP, id::NodeId, node::Settings, store::Key};

use crate::{
    history::{OpId, SessionId},
    plan::{Action, Plan, Reordering, Retry, Wish},
};

/// Leaves out one kind of trouble each.
pub(super) const CHANGES: [fn(&mut Plan); 15] = [
    |plan| plan.skews_ms.iter_mut().for_each(|skew_ms| *skew_ms = 0),
    |plan| plan.older = None,
    |plan| plan.links.damage = 0.0,
    |plan| plan.links.duplication = 0.0,
    |plan| plan.links.loss = 0.0,
    |plan| plan.links.reordering = Reordering::Never,
    |plan| plan.links.latency_us = 1_000,
    |plan| plan.client_loss = 0.0,
    |plan| plan.value_bytes = 0,
    |plan| plan.repair_holdoff_ms = 0,
    |plan| plan.tail_bytes = 64 << 20,
    |plan| plan.token_entries = ENTRY_CAP,
    |plan| plan.evict_after_ms = Settings::default().evict_after_ms,
    |plan| each_write(plan, |retry, _| *retry = Retry::Never),
    |plan| each_write(plan, |_, concern| *concern = 1),
];

fn each_write(plan: &mut Plan, change: impl Fn(&mut Retry, &mut u8)) {
    for planned in &mut plan.operations {
        if let Action::Put { retry, concern, .. } | Action::Delete { retry, concern, .. } = &mut planned.action {
            change(retry, concern);
        }
    }
}

/// Replaces probes by reads of what they read; those that were not done read the key that they name.
pub(super) fn resolve_probes(plan: &mut Plan, probed: &BTreeMap<OpId, Key>) {
    for planned in &mut plan.operations {
        if let Action::Probe { key } = &planned.action {
            let key = probed.get(&planned.op).unwrap_or(key).clone();
            planned.action = Action::Get { key };
        }
    }
}

/// Moves everything into a smaller cluster: node numbers wrap around.
pub(super) fn fit_into(plan: &mut Plan, nodes: u16, shards: u16) {
    let fit = |node: NodeId| NodeId(node.0 % u32::from(nodes));
    (plan.nodes, plan.shards) = (nodes, shards);
    plan.older = plan.older.map(fit);
    plan.skews_ms.truncate((nodes + plan.spares).into());
    let addresses = nodes + plan.spares;
    for request in &mut plan.requests {
        request.node = fit(request.node);
        if let Wish::AddNode { address } | Wish::RemoveNode { address } | Wish::AddMember { address, .. } = &mut request.wish {
            *address %= addresses;
        }
    }
    plan.operations.iter_mut().for_each(|planned| planned.node = fit(planned.node));
    plan.faults.iter_mut().for_each(|timed| timed.fault.rename_nodes(&fit));
}

/// Pairs of sessions, the later of which may do its operations as the earlier.
pub(super) fn mergeable_sessions(plan: &Plan) -> Vec<(SessionId, SessionId)> {
    let sessions: BTreeSet<SessionId> = plan.operations.iter().map(|planned| planned.session).collect();
    let numbered = sessions.iter().zip((0..).map(SessionId));
    let close_gaps = numbered.filter(|(session, number)| *session != number).map(|(session, number)| (*session, number));
    let pairs = sessions
        .iter()
        .flat_map(|to| sessions.range((std::ops::Bound::Excluded(to), std::ops::Bound::Unbounded)).map(|from| (*from, *to)));
    // Many pairs only where few sessions are left.
    if sessions.len() > 5 { close_gaps.collect() } else { close_gaps.chain(pairs).collect() }
}

/// Lets one session do what another does.
pub(super) fn merge_sessions(plan: &mut Plan, from: SessionId, to: SessionId) {
    let of_from = plan.operations.iter_mut().filter(|planned| planned.session == from);
    of_from.for_each(|planned| planned.session = to);
}

/// Pairs of keys, the first of which may be replaced by the second.
pub(super) fn mergeable_keys(plan: &Plan) -> Vec<(Key, Key)> {
    let keys = plan.keys();
    if keys.len() > 5 {
        return Vec::new();
    }
    keys.iter().flat_map(|to| keys.iter().filter(move |from| *from > to).map(move |from| (from.clone(), to.clone()))).collect()
}

/// Uses one key in place of another.
pub(super) fn merge_keys(plan: &mut Plan, from: &Key, to: &Key) {
    for key in plan.operations.iter_mut().map(|planned| planned.action.key_mut()).filter(|key| *key == from) {
        *key = to.clone();
    }
}

/// When the last fault or operation begins.
pub(super) fn last_ms(plan: &Plan) -> u64 {
    times_ms(plan).last().copied().unwrap_or_default()
}

/// How many pauses there are: before the first fault or operation, and between those that begin at different times. Of many,
/// none is counted: shortening each alone would take too long.
pub(super) fn pauses(plan: &Plan) -> usize {
    let pauses = times_ms(plan).len();
    if pauses > 20 { 0 } else { pauses }
}

/// Makes all pauses at most so long.
pub(super) fn shorten_pauses(plan: &mut Plan, span_ms: u64) {
    move_events(plan, |_, pause_ms| pause_ms.min(span_ms));
}

/// Makes one pause half as long.
pub(super) fn halve_pause(plan: &mut Plan, number: usize) {
    move_events(plan, |at, pause_ms| if at == number { pause_ms / 2 } else { pause_ms });
}

/// Gives each pause a new length; everything that began together still does.
fn move_events(plan: &mut Plan, length_ms: impl Fn(usize, u64) -> u64) {
    let mut moved = BTreeMap::new();
    let (mut before_ms, mut now_ms) = (0, 0);
    for (number, at_ms) in times_ms(plan).into_iter().enumerate() {
        now_ms += length_ms(number, at_ms - before_ms);
        before_ms = at_ms;
        moved.insert(at_ms, now_ms);
    }
    plan.faults.iter_mut().for_each(|timed| timed.at_ms = moved[&timed.at_ms]);
    plan.requests.iter_mut().for_each(|request| request.at_ms = moved[&request.at_ms]);
    plan.operations.iter_mut().for_each(|planned| planned.at_ms = moved[&planned.at_ms]);
    plan.faults_ms -= before_ms - now_ms;
}

fn times_ms(plan: &Plan) -> BTreeSet<u64> {
    let faults = plan.faults.iter().map(|timed| timed.at_ms);
    let requests = plan.requests.iter().map(|request| request.at_ms);
    faults.chain(requests).chain(plan.operations.iter().map(|planned| planned.at_ms)).collect()
}
