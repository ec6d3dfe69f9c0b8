//! What comes whole from another replica.

use std::{cmp::Reverse, collections::BTreeMap, ops::Range};

use super::{Entry, Table, merge, retain_needed};
use crate::{
    mutant::{Mutant, planted},
    placement::slot_of,
    store::{Key, Version},
};

impl Table {
    /// Takes over the contents of slots from a replica that had applied what `applied` says. A local version of that which the replica
    /// lacks was superseded or collected there and goes. Gives the keys that changed, with their versions now.
    pub fn install(
        &mut self,
        slots: Range<u16>,
        applied: impl Fn(&Key, &Version) -> bool,
        entries: &[(Key, Vec<Version>)],
    ) -> Vec<(Key, Vec<Version>)> {
        let theirs: BTreeMap<&Key, &Vec<Version>> = entries.iter().map(|(key, versions)| (key, versions)).collect();
        let mine: Vec<Key> = self.slots.range(slots).map(|(key, _)| key.clone()).collect();
        let mut keys: Vec<Key> = theirs.keys().map(|key| (*key).clone()).chain(mine).collect();
        keys.sort();
        keys.dedup();
        let mut changed = Vec::new();
        for key in keys {
            let before = self.take(&key);
            let incoming = theirs.get(&key).map(|versions| versions.as_slice()).unwrap_or_default();
            let mut versions = before.clone();
            let is_here_alone = |mine: &Version| !applied(&key, mine) && !planted(Mutant::TransferDropsOwn);
            let is_theirs = |mine: &Version| incoming.iter().any(|version| version.dot == mine.dot);
            versions.retain(|mine| is_here_alone(mine) || is_theirs(mine) || planted(Mutant::TransferWithoutAuthority));
            for version in incoming {
                if !versions.iter().any(|mine| mine.dot == version.dot) {
                    self.unstable.push(Reverse((version.dot.hlc, key.clone())));
                    merge(&mut versions, version.clone());
                }
            }
            retain_needed(&mut versions);
            let differs = versions != before;
            self.put(&key, versions);
            if differs {
                let now = self.slot(slot_of(&key)).get(&key).map(Entry::versions).unwrap_or_default();
                changed.push((key, now));
            }
        }
        changed
    }

    /// Takes over what versions say that are here too: where that differs, it was spoilt here.
    pub fn correct(&mut self, key: &Key, said: &[Version]) {
        let mut versions = self.take(key);
        for mine in &mut versions {
            if let Some(theirs) = said.iter().find(|theirs| theirs.dot == mine.dot) {
                mine.value.clone_from(&theirs.value);
            }
        }
        self.put(key, versions);
    }
}
