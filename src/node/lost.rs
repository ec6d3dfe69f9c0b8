//! A disk that this node's actor may not have written on alone: one that was found empty, that holds another actor's replica, or whose
//! log may lack its end.
//!
//! Whatever this node finds itself to be in a config, a disk that it lost before may have been. So it writes only under an actor that
//! was given out after this process began, and asks the config log once which epoch is the current one: a majority answers. Which
//! actors the config of that epoch has given out is in it; all others come later. Whether this node asked for one of them, and whether
//! the answer to that came, does not matter then.
//!
//! What the shard of an empty disk holds does not follow from anybody's log: records of actors that are retired by now are in none that
//! can be pulled. So it comes as a whole, from a peer.

use super::{Node, NotChanged};
use crate::{
    id::{ActorId, Epoch},
    mutant::{Mutant, planted},
    placement::{Change, Config},
};

/// Which actors no disk has written under that this node had before this process began.
#[derive(Debug, Default)]
pub(super) struct Unused {
    /// This node's own actor may not be one of them.
    sought: bool,
    /// The number of the question on its way.
    asked: Option<u64>,
    /// An epoch that was the current one after this process began.
    epoch: Option<Epoch>,
    /// The first of them, in the generation of that epoch.
    from: Option<ActorId>,
}

impl Unused {
    /// An actor that may have been used, or none, is this node's.
    pub fn seek(&mut self) {
        self.sought = true;
    }

    /// Whether this node's own actor may have been used.
    pub fn is_sought(&self) -> bool {
        self.sought
    }

    /// Whether this node may ask for a new actor: it would know it for one.
    pub fn is_known(&self) -> bool {
        self.from.is_some()
    }
}

impl Node {
    pub(super) fn begin_with_lost_disk(&mut self) {
        self.standing.lost = true;
        self.adoption.holds_nothing();
        self.begin_from_peers();
    }

    /// Begins with nothing but what peers give.
    pub(super) fn begin_from_peers(&mut self) {
        self.begin_without_actor(false);
        if self.plan.config.parent().is_some() {
            self.ask_for_base();
        }
    }

    /// A lost disk under the first config that it learns: what was taken over before was not all that its shard holds.
    pub(super) fn is_to_begin_anew(&mut self, before: &Config) -> bool {
        std::mem::take(&mut self.standing.lost) && before.parent().is_none()
    }

    /// Asks which epoch is the current one, unless that is known: an epoch that never is gets it for an answer, and changes nothing.
    pub(super) fn asks_for_epoch(&mut self) -> bool {
        let asks = self.standing.unused.sought && self.standing.unused.epoch.is_none();
        if asks && let Some(number) = self.propose_in(Epoch::default(), Change::Reached) {
            self.standing.unused.asked = Some(number);
        }
        asks
    }

    /// The question was answered, or not.
    pub(super) fn epoch_answered(&mut self, number: u64, outcome: Result<Epoch, NotChanged>) {
        if self.standing.unused.asked.take_if(|asked| *asked == number).is_some()
            && let Err(NotChanged::Conflict { current }) = outcome
        {
            self.standing.unused.epoch = Some(current).filter(|current| *current != Epoch::default());
            self.learn_unused();
        }
    }

    /// Under another config, or with the answer: what it says of actors given out.
    pub(super) fn learn_unused(&mut self) {
        let (config, unused) = (&self.plan.config, &mut self.standing.unused);
        let Some(epoch) = unused.epoch else { return };
        if config.epoch().generation > epoch.generation {
            // Which of its actors are older than the answer the answer does not say.
            (unused.epoch, unused.from) = (None, None);
        } else if config.epoch() >= epoch && unused.from.is_none() {
            unused.from = Some(config.next_actor());
            if config.parent().is_none() && std::mem::take(&mut self.standing.lost) {
                // Nothing has ever changed: everybody's log leads to all that there is.
                self.adoption.found(self.actor, self.clock.last());
            }
        }
    }

    /// Whether this node's new actor is its own; from then on it seeks none.
    pub(super) fn has_unused_actor(&mut self) -> bool {
        let from = self.standing.unused.from;
        let is_unused = from.is_some_and(|from| self.actor >= from) || planted(Mutant::ActorReusedAfterWipe);
        self.standing.unused.sought &= !is_unused;
        !self.standing.unused.sought
    }
}
