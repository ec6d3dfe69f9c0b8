//! What the judge makes of contents that come whole: found on a disk, or from a peer.

use causeway::{
    clock::Dot,
    id::{Epoch, NodeId},
    store::{Key, Version, Write},
};

use super::Judge;
use crate::checker::{Violation, cut_holds, stamps_never_go_back};

impl Judge {
    /// A node that died before it could say that it had applied a record finds it again: a second record of an operation may be among
    /// what nobody has heard of yet.
    pub(super) fn learn_found(&mut self, node: NodeId, key: &Key, versions: &[Version]) -> Result<(), Violation> {
        if self.replicas.get(node).is_some_and(|replica| replica.is_damaged) {
            self.doubted.entry(node).or_default().push((key.clone(), versions.to_vec()));
            return Ok(());
        }
        self.learn_versions(key, versions)
    }

    pub(super) fn learn_versions(&mut self, key: &Key, versions: &[Version]) -> Result<(), Violation> {
        for version in versions {
            let Some(seen) = version.dependencies.as_deref().filter(|_| self.replicas.record(version.dot).is_none()) else {
                continue;
            };
            self.learn(&Write {
                dot: version.dot,
                epoch: Epoch::default(),
                key: key.clone(),
                value: version.value.clone(),
                past: seen.clone(),
                operation: version.operation,
            })?;
        }
        Ok(())
    }

    pub(super) fn installed(&mut self, node: NodeId, key: &Key, versions: &[Version]) -> Result<(), Violation> {
        self.heed(stamps_never_go_back::check(&self.replicas, node, key, versions.first().map(Version::order)))?;
        self.note_change(node);
        let dots: Vec<Dot> = versions.iter().map(|version| version.dot).collect();
        self.heed(dots.iter().try_for_each(|dot| cut_holds::check_applied(&self.replicas, node, key, *dot)))?;
        self.replicas.install(node, key, &dots);
        Ok(())
    }
}
