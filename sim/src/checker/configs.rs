//! The books of configs: which ones nodes have adopted, and what came to an end between them.

use std::{collections::BTreeMap, sync::Arc};

use causeway::{
    clock::{Dot, Hlc},
    id::{ActorId, Epoch, Slot},
    placement::{Config, SlotSet, Standing},
};

/// An actor's writes of some slots, after which there are no more: made in epochs before this one.
#[derive(Debug)]
struct Sealed {
    /// Up to where each counts: who was cut off may not know, and go on.
    actors: BTreeMap<ActorId, Hlc>,
    /// All slots, if it has left altogether.
    slots: Option<SlotSet>,
    since: Epoch,
}

/// See the module.
#[derive(Debug)]
pub struct Configs {
    known: BTreeMap<Epoch, Arc<Config>>,
    sealed: Vec<Sealed>,
}

impl Configs {
    /// Of a cluster that starts with this one.
    pub fn new(first: &Config) -> Self {
        Self { known: [(first.epoch(), Arc::new(first.clone()))].into(), sealed: Vec::new() }
    }

    /// A config by its epoch.
    pub fn get(&self, epoch: Epoch) -> Option<&Arc<Config>> {
        self.known.get(&epoch)
    }

    /// Whether there was any change.
    pub fn have_changed(&self) -> bool {
        self.known.len() > 1
    }

    /// Notes one that somebody adopted. Its parent is known, unless nobody has adopted that.
    pub fn learn(&mut self, config: &Arc<Config>) {
        let parent = config.parent().and_then(|parent| self.known.get(&parent)).cloned();
        if self.known.insert(config.epoch(), config.clone()).is_some() {
            return;
        }
        let Some(parent) = parent else { return };
        if let Some(migration) = parent.migration().filter(|_| config.migration().is_none())
            && let Some(switched) = migration.switched
        {
            for one in &migration.moves {
                let upto = |actor: &ActorId| match parent.actor(*actor).map(|found| found.standing) {
                    Some(Standing::Cut { upto, .. }) => one.cuts.get(actor).copied().unwrap_or(upto),
                    Some(Standing::Frozen { .. }) => Hlc::ZERO,
                    _ => Hlc(u64::MAX),
                };
                let actors = one.former.iter().map(|actor| (*actor, upto(actor))).collect();
                let slots = Some(one.slots.clone());
                self.sealed.push(Sealed { actors, slots, since: switched });
            }
        }
        for actor in parent.actors().filter(|actor| config.actor(actor.actor).is_none()) {
            if let Standing::Leaving { since } = actor.standing {
                self.sealed.push(Sealed { actors: [(actor.actor, Hlc(u64::MAX))].into(), slots: None, since });
            }
        }
    }

    /// Whether a record of a slot that was made in this epoch must be known by now.
    pub fn is_sealed(&self, dot: Dot, slot: Slot, made: Epoch) -> bool {
        let concerns = |sealed: &Sealed| {
            let is_of_slot = sealed.slots.as_ref().is_none_or(|slots| slots.contains(slot));
            sealed.actors.get(&dot.actor).is_some_and(|upto| dot.hlc <= *upto) && is_of_slot && made < sealed.since
        };
        self.sealed.iter().any(concerns)
    }
}
