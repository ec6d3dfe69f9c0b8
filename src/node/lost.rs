//! A disk that was found empty long after the cluster's first start, or that holds another actor's replica.
//!
//! - What the shard holds does not follow from anybody's log: records of actors that are retired by now are in none that can be pulled.
//!   So it comes as a whole, from a peer.
//! - Whatever this node finds itself to be in a config, the disk that is lost may have been. So it writes only under an actor that it
//!   asked for since, which shows in the number of its disks: in the first config after that in which it asked. In the one that follows
//!   from the variables it asked for nothing, and a number above that one's may be of another disk that it lost before. (A config between
//!   the first and the newest, learned first, has the same trap: see 'Known to be wrong' in the changelog.)

use super::Node;
use crate::{
    id::{ActorId, ShardId},
    mutant::{Mutant, planted},
    placement::Config,
};

impl Node {
    pub(super) fn begin_with_lost_disk(&mut self) {
        self.standing.lost = true;
        self.begin_from_peers();
    }

    /// Begins with nothing but what peers give.
    pub(super) fn begin_from_peers(&mut self) {
        self.begin_without_actor(false);
        let config = &self.plan.config;
        if config.parent().is_some() && config.owners().has(self.shard) && !self.links.is_empty() {
            self.adoption.lacks_base();
        }
    }

    /// Under another config. Says whether its actor there may be one that the lost disk was: then it may not be used.
    pub(super) fn keeps_lost_disk(&mut self, before: &Config, seat: (ActorId, ShardId)) -> bool {
        let disks = |config: &Config| config.member(self.plan.me).map(|member| member.disk);
        let knew_nothing = before.parent().is_none();
        let is_unasked = knew_nothing && !planted(Mutant::ActorReusedAfterWipe);
        let is_the_same = is_unasked || disks(&self.plan.config) <= disks(before);
        self.standing.lost &= self.actor != ActorId::NONE && is_the_same;
        if self.standing.lost && (knew_nothing || (self.actor, self.shard) != seat) {
            self.forget_contents();
            self.begin_from_peers();
        }
        self.standing.lost
    }
}
