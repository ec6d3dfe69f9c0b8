//! Is there an order of writes that also explains the reads that found nothing?
//!
//! An order of all that is certain is drawn up, near to the one in which the history was written down. Each open read that it
//! does not explain picks a tombstone that shall come after the puts; the order is drawn up again. Where picks contradict each
//! other, or what is certain, another one is picked. What is left after some rounds is said to depend on one read, and
//! [`search`](super::search) tries all that this read may have seen.

use super::{Edges, Finding, Graph, Learned, Open};

/// What came of an attempt.
pub enum Attempt {
    /// There is such an order.
    Fits,
    /// There is none.
    Fails(Finding),
    /// It depends on what these reads saw.
    DependsOn(Vec<Open>),
}

/// Rounds without success, besides one for each open read.
const ROUNDS: usize = 100;

struct Picks<'a> {
    certain: Graph<'a>,
    opens: Vec<Open>,
    picked: Vec<Option<u32>>,
}

/// Looks for an order.
pub fn find(causes: Graph<'_>, learned: &Learned) -> Attempt {
    let order = [&learned.order];
    let certain = Graph { order: &order, ..causes };
    let opens = learned.opens.clone();
    match certain.sort() {
        Err(left) => Attempt::Fails(Finding::OrderCycle { cycle: certain.cycle(&left) }),
        Ok(_) if opens.is_empty() => Attempt::Fits,
        Ok(_) => Picks { certain, picked: vec![None; opens.len()], opens }.run(&learned.order),
    }
}

impl Picks<'_> {
    fn run(mut self, order: &Edges) -> Attempt {
        for _ in 0..ROUNDS + self.opens.len() {
            let taken = self.taken();
            let both = [order, &taken];
            let graph = Graph { order: &both, ..self.certain };
            match graph.sort_near_file_order() {
                Ok(places) if self.pick(&places) == 0 => {
                    let lacking: Vec<Open> = self.opens.into_iter().filter(|open| open.deletes.is_empty()).collect();
                    return if lacking.is_empty() { Attempt::Fits } else { Attempt::DependsOn(lacking) };
                }
                Ok(_) => {}
                Err(left) => {
                    let cycle = graph.cycle(&left);
                    self.pick_another(&cycle);
                }
            }
        }
        // Those that were hard to satisfy have few deletes left.
        self.opens.sort_by_key(|open| open.deletes.len());
        self.opens.truncate(1);
        Attempt::DependsOn(self.opens)
    }

    fn taken(&self) -> Edges {
        let mut taken = Edges::default();
        for (open, picked) in self.opens.iter().zip(&self.picked) {
            for put in open.puts.iter().filter(|_| picked.is_some()) {
                picked.iter().for_each(|delete| taken.push(*put, *delete, self.certain.history.transactions()));
            }
        }
        taken
    }

    /// Lets each read that an order does not explain pick the tombstone that comes last in it. Says how many there are.
    fn pick(&mut self, places: &[u32]) -> usize {
        let last = |of: &[u32]| of.iter().copied().max_by_key(|transaction| places[*transaction as usize]);
        let mut count = 0;
        for (open, picked) in self.opens.iter().zip(&mut self.picked).filter(|(_, picked)| picked.is_none()) {
            let (Some(put), Some(delete)) = (last(&open.puts), last(&open.deletes)) else { continue };
            if places[put as usize] > places[delete as usize] {
                *picked = Some(delete);
                count += 1;
            }
        }
        count
    }

    /// Takes back a pick that is part of a cycle; that tombstone is not picked again.
    fn pick_another(&mut self, cycle: &[u32]) {
        let pairs = || cycle.iter().zip(cycle.iter().cycle().skip(1));
        let is_on = |open: &Open, delete: u32| pairs().any(|(from, to)| *to == delete && open.puts.contains(from));
        let on: Vec<usize> =
            (0..self.opens.len()).filter(|at| self.picked[*at].is_some_and(|delete| is_on(&self.opens[*at], delete))).collect();
        // The one that turns the order in which the history was written down around the most.
        let turned = |at: &usize| {
            let last_put = self.opens[*at].puts.iter().max().copied().unwrap_or_default();
            last_put.saturating_sub(self.picked[*at].unwrap_or_default())
        };
        let Some(at) = on.into_iter().max_by_key(turned) else { return };
        let refuted = self.picked[at].take();
        self.opens[at].deletes.retain(|delete| Some(*delete) != refuted);
    }
}
