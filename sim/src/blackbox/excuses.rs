//! Which deletes can be why a read found nothing. They belong to the read as a put belongs to the reads that saw it: a history in
//! which one of them is left out and the read is not would be wrong in another way.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ABSENT, Action, History, Malformed, Op, Rules,
    offline::{Assigned, Graph, Sources, Timelines, last_writes},
};

/// Of how many reads at most the past is looked at; of more, all deletes of the key count.
const LOOKED_AT: usize = 1000;

/// For each key, the deletes that can be why one of these reads found nothing: not those that are older than a put in the read's
/// past.
pub fn excuses(history: &History, reads: &[usize]) -> Result<BTreeMap<u64, BTreeSet<Op>>, Malformed> {
    let mut excuses: BTreeMap<u64, BTreeSet<Op>> = BTreeMap::new();
    let Ok(sources) = Sources::find(history, Rules::ALL)? else { return Ok(excuses) };
    let timelines = Timelines::of(history);
    let assigned = Assigned::new();
    let graph = Graph { history, sources: &sources, timelines: &timelines, assigned: &assigned, order: &[] };
    let open = |read: &&usize| history.value(**read) == ABSENT && history.action(**read) == Action::Read;
    for (at, read) in reads.iter().filter(open).filter(|read| sources.is_deleted(history.key(**read))).enumerate() {
        let key = history.key(*read);
        let is = |transaction: u32, action| {
            last_writes(history, transaction).find(|at| history.key(*at) == key && history.action(*at) == action)
        };
        let all = 0..history.transactions() as u32;
        let mut hopeless = vec![false; history.transactions()];
        if at < LOOKED_AT {
            let past = past_of(&graph, [history.transaction_of(*read)]);
            let puts = all.clone().filter(|t| past[*t as usize] && is(*t, Action::Put).is_some());
            hopeless = past_of(&graph, puts);
        }
        let deletes = all.filter(|t| !hopeless[*t as usize]).filter_map(|t| is(t, Action::Delete)).map(|at| history.op(at));
        excuses.entry(history.op(*read).key).or_default().extend(deletes);
    }
    Ok(excuses)
}

/// All causes of these transactions, without themselves.
fn past_of(graph: &Graph<'_>, of: impl IntoIterator<Item = u32>) -> Vec<bool> {
    let mut past = vec![false; graph.history.transactions()];
    let mut open: Vec<u32> = of.into_iter().collect();
    while let Some(transaction) = open.pop() {
        graph.each_before(transaction, |before, _| {
            if !past[before as usize] {
                past[before as usize] = true;
                open.push(before);
            }
        });
    }
    past
}
