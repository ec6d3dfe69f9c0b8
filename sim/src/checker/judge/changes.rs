//! What the judge makes of changes of the config.

use std::sync::Arc;

use causeway::{
    id::{Epoch, NodeId},
    placement::Config,
};

use super::Judge;
use crate::{
    backup::Backup,
    checker::{Violation, administered, backup_is_a_cut, base_first, cut_holds, finish, minimal_moves, one_config},
};

impl Judge {
    /// A node works by another config.
    pub(super) fn adopted(&mut self, node: NodeId, config: &Arc<Config>) -> Result<(), Violation> {
        self.heed(one_config::check(&self.configs, &self.replicas, node, config))?;
        let is_new = self.configs.get(config.epoch()).is_none();
        let parent = config.parent().and_then(|parent| self.configs.get(parent)).cloned();
        if let Some(parent) = parent.filter(|_| is_new) {
            self.heed(minimal_moves::check(&parent, config))?;
            self.heed(finish::check(&self.replicas, &parent, config))?;
            self.heed(self.beliefs.check(&parent, config, self.now_us))?;
        }
        self.heed(cut_holds::check_adopted(&self.replicas, node, config))?;
        self.configs.learn(config);
        self.aside.adopt(&self.replicas, node, config);
        self.replicas.adopt(node, config);
        if is_new {
            for op in self.replicas.cut(config) {
                self.books.lose(op);
            }
        }
        self.note_change(node);
        Ok(())
    }

    pub(super) fn note_change(&mut self, node: NodeId) {
        let now_us = self.now_us;
        self.changed_us.entry(node).and_modify(|changed_us| *changed_us = Some(now_us)).or_insert(None);
    }

    /// A replica has all that its shard is to get in a migration.
    pub(super) fn copied(&mut self, node: NodeId, begun: Epoch) -> Result<(), Violation> {
        self.heed(base_first::check(&self.replicas, node, begun))?;
        self.replicas.note_copied(node, begun);
        Ok(())
    }

    /// A backup came.
    ///
    /// # Errors
    /// It does not hold what was there at its time.
    pub fn backed_up(&self, backup: &Backup) -> Result<(), Violation> {
        self.heed(backup_is_a_cut::check(&self.replicas, backup))
    }

    /// An operator's request was answered.
    ///
    /// # Errors
    /// The contract has no such answer, or it claims what was not done.
    pub fn administered(&self, answer: &administered::Answer) -> Result<(), Violation> {
        self.heed(administered::check(answer))
    }
}
