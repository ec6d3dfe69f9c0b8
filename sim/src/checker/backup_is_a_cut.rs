//! I31. A backup at a time `h` holds, for every key, the winner among the records up to `h`, and nothing else.
//!
//! Source: a write's hlc is above those of its whole past (A1), so the records up to one hlc are closed under causality; Kulkarni et
//! al., 'Logical Physical Clocks', OPODIS 2014, section 5.
//!
//! Why no stronger: of a key of which a record was lost, or cut off with its actor, nothing is said; nor which of two operations it
//! was where a value does not name its own.

use std::collections::{BTreeMap, BTreeSet};

use causeway::store::{Key, Order};

use super::{Known, Property, Replicas, Violation};
use crate::backup::Backup;

/// Judges a whole backup.
pub fn check(replicas: &Replicas, backup: &Backup) -> Result<(), Violation> {
    let mut winners: BTreeMap<&Key, (Order, &Known)> = BTreeMap::new();
    let mut lossy: BTreeSet<&Key> = BTreeSet::new();
    for (dot, known) in replicas.all() {
        if replicas.is_lost(dot) {
            lossy.insert(&known.key);
        }
        if dot.hlc <= backup.at {
            let place = replicas.place(dot);
            let winner = winners.entry(&known.key).or_insert((place, known));
            if winner.0 < place {
                *winner = (place, known);
            }
        }
    }
    for (key, (place, winner)) in winners.iter().filter(|(key, _)| !lossy.contains(*key)) {
        let given = backup.entries.get(*key);
        let is_right = match given {
            None => winner.is_tombstone,
            Some(given) => !winner.is_tombstone && (given.is_none() || winner.op.is_none() || *given == winner.op),
        };
        if !is_right {
            let given =
                given.map_or_else(|| "nothing".to_owned(), |given| given.map_or("something".to_owned(), |op| op.to_string()));
            let evidence = format!("the backup of {} holds {given} for {key}, and {place} is the newest up to then", backup.at);
            return Err(Property::BackupIsACut.violated(evidence).on(key));
        }
    }
    match backup.entries.keys().find(|key| !winners.contains_key(key)) {
        None => Ok(()),
        Some(key) => {
            let evidence = format!("the backup of {} holds {key}, of which nothing was written up to then", backup.at);
            Err(Property::BackupIsACut.violated(evidence).on(key))
        }
    }
}

#[cfg(test)]
mod tests {
    use causeway::{clock::Hlc, id::NodeId};

    use super::*;
    use crate::{
        checker::litmus::{Litmus, blame},
        history::OpId,
    };

    fn judged(run: &Litmus, at: u64, entries: &[(&str, OpId)]) -> Option<Property> {
        let entries = entries.iter().map(|(key, op)| (Key::from(*key), Some(*op))).collect();
        blame(run.judge.backed_up(&Backup { at: Hlc(at), entries }))
    }

    #[test]
    fn only_the_newest_up_to_the_time_is_right() {
        let mut run = Litmus::new();
        let old = run.put(0, "x", 0, 10);
        let new = run.put(1, "x", 1, 20);
        assert_eq!(judged(&run, 15, &[("x", old)]), None);
        assert_eq!(judged(&run, 20, &[("x", new)]), None);
        assert_eq!(judged(&run, 20, &[("x", old)]), Some(Property::BackupIsACut), "too old");
        assert_eq!(judged(&run, 15, &[("x", new)]), Some(Property::BackupIsACut), "too new");
        assert_eq!(judged(&run, 15, &[]), Some(Property::BackupIsACut), "missing");
        assert_eq!(judged(&run, 5, &[("x", old)]), Some(Property::BackupIsACut), "nothing was written by then");
        assert_eq!(judged(&run, 5, &[]), None);
    }

    #[test]
    fn a_deleted_key_is_not_in_it_and_of_a_lost_one_nothing_is_said() {
        let mut run = Litmus::new();
        let value = run.put(0, "x", 0, 10);
        run.delete(0, "x", 0, 20);
        assert_eq!(judged(&run, 30, &[]), None);
        assert_eq!(judged(&run, 30, &[("x", value)]), Some(Property::BackupIsACut));
        run.judge.destroy(NodeId(0));
        assert_eq!(judged(&run, 30, &[("x", value)]), None);
    }
}
