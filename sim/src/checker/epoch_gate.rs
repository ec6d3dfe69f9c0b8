//! I17. A node applies no record that was made in an epoch that it has not adopted, and answers nothing in such an epoch.
//!
//! Source: invariant I17. A node that hears of the new epoch's writes and judges by the old map serves slots that are somebody
//! else's by now, or waits for the wrong writers.
//!
//! Why no stronger: an answer is judged by the epoch of its token at the node that was asked, and only where it was asked once.

use causeway::{clock::Token, id::NodeId, store::Write};

use super::{Property, Replicas, Violation};

/// Judges a record when a replica applies it.
pub fn check_applied(replicas: &Replicas, node: NodeId, write: &Write) -> Result<(), Violation> {
    match replicas.get(node).map(|replica| replica.config.epoch()) {
        Some(epoch) if write.epoch > epoch => {
            let evidence = format!("{node} works in {epoch} and applies {write}, made in {}", write.epoch);
            Err(Property::EpochGate.violated(evidence).record(write.dot))
        }
        _ => Ok(()),
    }
}

/// Judges the token of an answer that a node gave.
pub fn check_answer(replicas: &Replicas, node: NodeId, token: &Token) -> Result<(), Violation> {
    match replicas.get(node).map(|replica| replica.config.epoch()) {
        Some(epoch) if token.epoch() > epoch => {
            Err(Property::EpochGate.violated(format!("{node} works in {epoch} and answers in {}", token.epoch())).at(node))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use causeway::{clock::Hlc, id::Epoch};

    use super::*;
    use crate::checker::litmus::{Litmus, blame};
    use crate::history::Outcome;

    #[test]
    fn an_answer_and_a_record_of_an_epoch_that_nobody_has_adopted() {
        let mut run = Litmus::new();
        let newer = Epoch { generation: 0, number: 9 };
        let op = run.begin_put(0, "x");
        assert_eq!(blame(run.try_apply_put_in(newer, op, 0, 10)), Some(Property::EpochGate));
        run.put(1, "y", 1, 11);
        run.token = Token::at_floor(newer, Hlc(u64::MAX));
        assert_eq!(blame(run.read(1, "z", Outcome::Absent)), Some(Property::EpochGate));
    }
}
