//! How soon members answer what is passed on to them, so that a slow one is asked seldom.
//!
//! A member may be slow and alive: its heartbeats come, so nobody suspects it, and by lot alone it would get its full share of requests
//! and hold each of them up. So of two members drawn by lot, that one is asked which is expected to answer sooner: by an average of its
//! times that rises at once and falls slowly, times what it owes. The average fades while a member is not asked, so that one which has
//! recovered is found out by a request now and then.
//!
//! Sources: Mitzenmacher, *The Power of Two Choices in Randomized Load Balancing* (IEEE TPDS 12, 2001), for the draw; the balancer of
//! Finagle, for the average that follows peaks; Dean and Barroso, *The Tail at Scale* (CACM 56, 2013), for why.

use std::collections::BTreeMap;

use crate::id::NodeId;

/// After so long without an answer an average is halved, and again.
const HALF_LIFE_US: u64 = 5_000_000;

/// An average moves so many times slower down than up.
const FALL: u64 = 8;

/// The members that were asked.
#[derive(Debug, Default)]
pub(super) struct Paces(BTreeMap<NodeId, Pace>);

#[derive(Debug, Default)]
struct Pace {
    average_us: u64,
    /// When it answered last, or was given up.
    heard_us: u64,
    owed: u64,
}

impl Paces {
    /// A request goes to the member.
    pub fn asked(&mut self, member: NodeId) {
        self.0.entry(member).or_default().owed += 1;
    }

    /// A request came back from it, or it was not waited for any longer, after so long.
    pub fn answered(&mut self, member: NodeId, took_us: u64, now_us: u64) {
        let pace = self.0.entry(member).or_default();
        let faded_us = pace.faded_us(now_us);
        pace.average_us = if took_us > faded_us { took_us } else { faded_us - (faded_us - took_us) / FALL };
        pace.heard_us = now_us;
        pace.owed = pace.owed.saturating_sub(1);
    }

    /// A request never left.
    pub fn not_asked(&mut self, member: NodeId) {
        if let Some(pace) = self.0.get_mut(&member) {
            pace.owed = pace.owed.saturating_sub(1);
        }
    }

    /// The better of two members, each drawn by this lot; the only one of one.
    pub fn choose(&self, members: &[NodeId], lot: usize, now_us: u64) -> Option<NodeId> {
        let count = members.len();
        let first = lot.checked_rem(count)?;
        let Some(step) = (lot / count).checked_rem(count - 1) else { return Some(members[first]) };
        let (first, second) = (members[first], members[(first + 1 + step) % count]);
        Some(if self.expected_us(second, now_us) < self.expected_us(first, now_us) { second } else { first })
    }

    /// In how long the member will have answered one more request.
    fn expected_us(&self, member: NodeId, now_us: u64) -> u64 {
        self.0.get(&member).map_or(0, |pace| pace.faded_us(now_us).saturating_mul(pace.owed + 1))
    }
}

impl Pace {
    fn faded_us(&self, now_us: u64) -> u64 {
        let halvings = now_us.saturating_sub(self.heard_us) / HALF_LIFE_US;
        u32::try_from(halvings).ok().and_then(|halvings| self.average_us.checked_shr(halvings)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBERS: [NodeId; 3] = [NodeId(0), NodeId(1), NodeId(2)];

    /// How often each of three members is asked, when they take so long to answer, one request after the other.
    fn asked(took_us: [u64; 3], requests: usize) -> [usize; 3] {
        let mut paces = Paces::default();
        let mut asked = [0; 3];
        let mut now_us = 0;
        for lot in (0..requests).map(|i| i * 7) {
            let member = paces.choose(&MEMBERS, lot, now_us).expect("there are three");
            let place = member.0 as usize;
            paces.asked(member);
            now_us += took_us[place];
            paces.answered(member, took_us[place], now_us);
            asked[place] += 1;
        }
        asked
    }

    #[test]
    fn members_that_are_alike_are_asked_alike() {
        for times in asked([1_000; 3], 3_000) {
            assert!((800..=1_200).contains(&times), "{times}");
        }
    }

    #[test]
    fn a_slow_member_is_asked_now_and_then() {
        // A minute and a half of requests.
        let [_, slow, _] = asked([1_000, 100_000, 1_000], 90_000);
        assert!((2..=10).contains(&slow), "{slow}");
    }

    #[test]
    fn one_that_owes_much_is_spared() {
        let mut paces = Paces::default();
        for member in MEMBERS {
            paces.asked(member);
            paces.answered(member, 1_000, 0);
        }
        paces.asked(NodeId(1));
        assert!((0..60).all(|lot| paces.choose(&MEMBERS, lot, 0) != Some(NodeId(1))));
        paces.not_asked(NodeId(1));
        assert!((0..60).any(|lot| paces.choose(&MEMBERS, lot, 0) == Some(NodeId(1))));
    }

    #[test]
    fn of_one_there_is_no_choice_and_of_none_there_is_none() {
        assert_eq!(Paces::default().choose(&[NodeId(4)], 17, 0), Some(NodeId(4)));
        assert_eq!(Paces::default().choose(&[], 17, 0), None);
    }
}
