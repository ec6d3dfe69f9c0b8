//! What can be done to the world while it runs. Every call that changes something is a line of the trace.

use std::fmt;

use causeway::id::NodeId;
use madsim::runtime::Handle;

use super::{ClockChange, DiskSettings, Link, Rot, State, World, network::Surroundings, row};
use crate::trace::{Change, DiskState, Entry, LinkState};

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Death {
    /// It is killed; what it wrote is in the page cache and stays, not yet durable.
    Kill,
    /// Its machine loses power: what was not synced is lost or torn.
    PowerLoss,
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "is killed",
            Self::PowerLoss => "loses power",
        })
    }
}

/// Processes.
impl World {
    /// Ends a node's process, if it lives. One may be ended at one of its own events, by whoever observes them: what it does after
    /// that has no effect.
    pub fn end(&self, node: NodeId, death: Death) {
        let (life, now_us) = {
            let mut guard = self.state();
            let state = &mut *guard;
            let Some(life) = state.lives[row(node)].take() else { return };
            life.end();
            let now_us = state.agenda.now_us();
            state.trace.add(now_us, Entry::Change(&Change::Down { node, how: death.to_string() }));
            state.network.disconnect(row(node), &mut Surroundings { agenda: &mut state.agenda, trace: &mut state.trace });
            state.disperse(row(node));
            (life, now_us)
        };
        if death == Death::PowerLoss {
            self.disks[row(node)].crash(now_us);
        }
        // Tasks that wait in madsim's list of the paused would be dropped under madsim's lock.
        Handle::current().resume(life.tasks.id());
        Handle::current().kill(life.tasks.id());
    }

    /// Stops all tasks of a node's process, as a stop signal does: frames queue up, timers fire late.
    pub fn pause(&self, node: NodeId) {
        if let Some(life) = self.life(node) {
            self.note(Entry::Change(&Change::Paused { node }));
            Handle::current().pause(life.tasks.id());
        }
    }

    /// Lets a paused process go on.
    pub fn resume(&self, node: NodeId) {
        if let Some(life) = self.life(node) {
            self.note(Entry::Change(&Change::GoesOn { node }));
            Handle::current().resume(life.tasks.id());
        }
    }

    /// Makes a node do everything so many times slower, its processes to come too; 1 is healthy. What comes to a slow node waits in line
    /// (see `line`): messages, timers, requests and disk calls are served late.
    pub fn set_slowness(&self, node: NodeId, slowness: u64) {
        let mut guard = self.state();
        let state = &mut *guard;
        let now_us = state.agenda.now_us();
        state.trace.add(now_us, Entry::Change(&Change::Slow { node, factor: slowness }));
        state.lines[row(node)].set_slowness(slowness);
        state.lines[row(node)].set_turn(row(node), &mut state.agenda);
    }
}

impl State {
    /// What waited at a dead process's door finds nobody.
    fn disperse(&mut self, node: usize) {
        for due in self.lines[node].disperse() {
            self.perform(due);
        }
    }
}

/// Links.
impl World {
    /// What a link does to frames now.
    pub fn link(&self, from: NodeId, to: NodeId) -> Link {
        self.state().network.link(row(from), row(to)).clone()
    }

    /// Changes what one directed link does to frames.
    pub fn change_link(&self, from: NodeId, to: NodeId, change: impl FnOnce(&mut Link)) {
        let mut guard = self.state();
        let state = &mut *guard;
        let before = state.network.link(row(from), row(to)).clone();
        let mut link = before.clone();
        change(&mut link);
        if link != before {
            let noted = Change::Link { from, to, state: LinkState::from(link.flow), text: link.to_string() };
            state.trace.add(state.agenda.now_us(), Entry::Change(&noted));
            let mut around = Surroundings { agenda: &mut state.agenda, trace: &mut state.trace };
            state.network.change_link(row(from), row(to), link, &mut around);
        }
    }

    /// Resets the connection of a directed link: what is on its way over it is lost, and both ends are told at once.
    pub fn reset_link(&self, from: NodeId, to: NodeId) {
        self.note(Entry::Fault(&format_args!("link {from} > {to} is reset")));
        self.state().network.reset(row(from), row(to));
    }

    /// Changes what all links do to frames.
    pub fn change_links(&self, mut change: impl FnMut(NodeId, NodeId, &mut Link)) {
        let numbers = 0..self.nodes() as u32;
        for from in numbers.clone().map(NodeId) {
            for to in numbers.clone().map(NodeId).filter(|to| *to != from) {
                self.change_link(from, to, |link| change(from, to, link));
            }
        }
    }
}

/// Clocks and disks.
impl World {
    /// Changes a node's clocks.
    pub fn change_clock(&self, node: NodeId, change: ClockChange) {
        let mut state = self.state();
        let now_us = state.agenda.now_us();
        state.trace.add(now_us, Entry::Change(&Change::Clock { node, text: change.to_string() }));
        state.clocks[row(node)].change(now_us, change);
        if let ClockChange::Drift { .. } = change {
            state.agenda.rouse(row(node));
        }
    }

    /// Changes what a node's disk does wrong.
    pub fn change_disk(&self, node: NodeId, change: impl FnOnce(&mut DiskSettings)) {
        let settings = self.disks[row(node)].change(change);
        let state = if settings == DiskSettings::default() { DiskState::Healthy } else { DiskState::Sick };
        self.note(Entry::Change(&Change::Disk { node, state, text: settings.to_string() }));
    }

    /// Spoils a durable sector on a node's disk, in some file whose name begins so. Says where, or `None` when there is nothing to
    /// spoil.
    pub fn rot(&self, node: NodeId, rot: Rot, prefix: &str) -> Option<(String, usize)> {
        let (name, offset) = self.disks[row(node)].rot(rot, prefix, self.now_us())?;
        self.note(Entry::Fault(&format_args!("disk of {node}: {rot} in {name} at {offset}")));
        Some((name, offset))
    }

    /// Empties a node's disk. The node should be down.
    pub fn wipe(&self, node: NodeId) {
        self.note(Entry::Fault(&format_args!("disk of {node} is emptied")));
        self.disks[row(node)].wipe();
    }
}
