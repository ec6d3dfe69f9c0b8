//! Who wins where, worked out from records alone.

use causeway::{clock::Dot, id::NodeId, store::Order};

use super::{Known, Replicas};

impl Replicas {
    /// The place of a record in last-writer-wins, as far as is known anywhere: of two records of one operation, the smaller's. A twin
    /// that nobody has any more, or that was cut off, joins nothing.
    pub fn place(&self, dot: Dot) -> Order {
        self.joined(dot, |twin, known| self.counts(twin, known))
    }

    /// Whether a record is not lost, or lost by the books and held by somebody all the same.
    fn counts(&self, dot: Dot, known: &Known) -> bool {
        !self.is_lost(dot) || (self.is_within_cut(dot) && !known.applied_at.is_empty())
    }

    /// The place of a record that is joined with those of its twins that count.
    fn joined(&self, dot: Dot, counts: impl Fn(Dot, &Known) -> bool) -> Order {
        let twins = self.record(dot).into_iter().flat_map(|known| self.records.twins(known));
        twins.filter(|(twin, known)| counts(*twin, known)).map(|(twin, _)| Order::from(twin)).fold(Order::from(dot), Order::min)
    }

    /// What must win at a replica, by the set of records that it has applied and nothing else. From the largest record down: a record
    /// has no larger place than its own, so that below the winner nothing is left to look at.
    pub fn winner_by_set(&self, node: NodeId, key: &str) -> Option<Order> {
        let recovered = self.get(node).map(|replica| &replica.recovered);
        let has = |(dot, known): &(Dot, &Known)| {
            let by_vector = || recovered.is_some_and(|recovered| recovered.contains(*dot)) && !self.is_lost(*dot);
            known.applied_at.contains(node) || by_vector()
        };
        let mut winner = None;
        for record in self.records.of_key(key).rev() {
            let own = Some(Order::from(record.0));
            if own <= winner {
                break;
            }
            if has(&record) {
                let smallest = self.records.twins(record.1).filter(has).map(|(twin, _)| Order::from(twin)).min();
                winner = winner.max(smallest.or(own));
            }
        }
        winner
    }

    /// The place of the winner that a replica had last. Who was cut off and does not know joins what it holds.
    pub fn last_winner(&self, node: NodeId, key: &str) -> Option<Order> {
        let winner = *self.get(node)?.winners.get(key)?;
        Some(self.joined(winner, |twin, known| self.counts(twin, known) || known.applied_at.contains(node)))
    }
}
