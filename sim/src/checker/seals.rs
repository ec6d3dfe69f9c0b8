//! I18. A record is made by an actor that may write, on a slot that its shard owns, both by the config of the epoch that it names. And
//! once a move is finished, or an actor that left is retired, no record turns up that was made before the hand-over.
//!
//! Source: invariant I18; acknowledged writes that a former owner still took, and that nobody carried over.
//!
//! Why no stronger: a record whose epoch nobody has adopted is judged by who applies it ([epoch gate](super::epoch_gate)).

use causeway::{id::Epoch, placement::slot_of, store::Write};

use super::{Configs, Property, Violation};

/// Judges a record when it is first seen.
pub fn check(configs: &Configs, write: &Write) -> Result<(), Violation> {
    let (slot, actor) = (slot_of(&write.key), write.dot.actor);
    if write.epoch == Epoch::default() {
        return Ok(());
    }
    if configs.is_sealed(write.dot, slot, write.epoch) {
        let evidence = format!("{write} of {} appears after its slot was sealed", write.epoch);
        return Err(Property::SealedIsSealed.violated(evidence).record(write.dot).on(&write.key));
    }
    let Some(config) = configs.get(write.epoch) else { return Ok(()) };
    let may = config.actor(actor).is_some_and(|found| found.standing.writes() && found.shard == config.owner(slot));
    if may {
        return Ok(());
    }
    let evidence = format!("{actor} makes {write} in {}, where the slot is not its to write", write.epoch);
    Err(Property::SealedIsSealed.violated(evidence).record(write.dot).on(&write.key))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use causeway::{
        id::{ActorId, NodeId},
        node::Event,
        placement::Change,
    };

    use super::*;
    use crate::checker::litmus::{Litmus, blame};

    #[test]
    fn a_leaver_that_writes_and_a_record_that_turns_up_after_it_was_retired() {
        let mut run = Litmus::new();
        let first = run.config();
        let leaving = Arc::new(first.changed(&Change::Leave { node: NodeId(1) }).expect("it fits"));
        let retired = Arc::new(leaving.changed(&Change::Retire { actor: ActorId(1) }).expect("it fits"));
        run.happened(1, Event::Adopted(leaving.clone())).unwrap();
        let op = run.begin_put(0, "x");
        assert_eq!(blame(run.try_apply_put_in(leaving.epoch(), op, 1, 10)), Some(Property::SealedIsSealed));
        let op = run.begin_put(1, "y");
        assert_eq!(blame(run.try_apply_put_in(first.epoch(), op, 1, 11)), None, "it was on its way to the disk");
        run.happened(0, Event::Adopted(retired)).unwrap();
        let op = run.begin_put(2, "z");
        assert_eq!(blame(run.try_apply_put_in(first.epoch(), op, 1, 12)), Some(Property::SealedIsSealed));
    }
}
