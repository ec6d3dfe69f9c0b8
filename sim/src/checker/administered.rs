//! Each answer to an operator is one that the contract allows; and who is told that something was changed is told so by a change that
//! was made between the question and the answer.
//!
//! Source: contract, the tables of the view and of shards; Herlihy and Wing, 'Linearizability', TOPLAS 1990: an operation takes effect
//! between its call and its return.
//!
//! Why no stronger: that there is nothing to change, a node may say by an older config, as one that is cut off does. Where the config
//! log owes the node an answer, it may claim what somebody else has done: nobody can tell the two apart.

use std::sync::Arc;

use causeway::placement::Config;

use super::{Property, Violation};
use crate::{cluster::address, plan::Wish};

/// An answer as an operator reads it.
#[derive(Debug)]
pub struct Answer<'a> {
    /// What was asked for.
    pub wish: &'a Wish,
    /// The status code.
    pub status: u16,
    /// `result` of the body, or its `error`.
    pub text: &'a str,
    /// Every config that was the newest at some time between question and answer, in order; none if that is not known.
    pub configs: Option<&'a [Arc<Config>]>,
    /// Whether a proposal of the node that was asked was without an answer in this time.
    pub in_doubt: bool,
}

/// Judges it.
pub fn check(answer: &Answer) -> Result<(), Violation> {
    let Answer { wish, status, text, .. } = answer;
    if !is_in_contract(wish, *status, text) {
        let evidence = format!("{wish} was answered {status} '{text}'");
        return Err(Property::AnswersByContract.violated(evidence));
    }
    match answer.configs.filter(|_| !answer.in_doubt) {
        Some(configs) if !is_done(answer, configs) => {
            let epochs: Vec<String> = configs.iter().map(|config| config.epoch().to_string()).collect();
            let evidence =
                format!("{wish} was answered {status} '{text}', and nothing of this kind was done in {}", epochs.join(", "));
            Err(Property::AnswersByContract.violated(evidence))
        }
        _ => Ok(()),
    }
}

fn is_in_contract(wish: &Wish, status: u16, text: &str) -> bool {
    match (wish, status) {
        (_, 503 | 504) => true,
        (Wish::Reshard { .. }, 200) => text == "resharded",
        (Wish::Reshard { .. }, 400) => text.starts_with("Not enough nodes"),
        (Wish::Reshard { .. }, 409) => text.starts_with("The reshard was aborted"),
        (Wish::AbortReshard, 200) => text == "aborted",
        (Wish::AbortReshard, 404) => text == "No reshard is under way",
        (Wish::AbortReshard, 409) => text.starts_with("Too late to abort"),
        (Wish::AddNode { .. }, 201) => text == "added",
        (Wish::AddNode { .. }, 200) => text == "already present",
        (Wish::RemoveNode { .. }, 200) => text == "deleted",
        (Wish::RemoveNode { .. }, 404) => text == "View has no such replica",
        (Wish::AddMember { .. }, 200) => text == "node added to shard",
        (Wish::AddMember { .. }, 404) => true,
        _ => false,
    }
}

/// Whether the configs show what the answer claims to have changed.
fn is_done(answer: &Answer, configs: &[Arc<Config>]) -> bool {
    let is_member = |config: &Config, number: u16| config.by_address(&address(number)).is_some_and(|member| !member.removed);
    let became = |number: u16, now: bool| {
        configs.windows(2).any(|pair| is_member(&pair[0], number) != now && is_member(&pair[1], number) == now)
    };
    match (answer.wish, answer.status) {
        (Wish::AddNode { address }, 201) => became(*address, true),
        (Wish::RemoveNode { address }, 200) => became(*address, false),
        (Wish::AbortReshard, 200) => configs.windows(2).any(|pair| was_called_off(&pair[0], &pair[1])),
        (Wish::Reshard { shards }, 200) => configs.iter().any(|config| config.owning_shards() == *shards),
        _ => true,
    }
}

/// What goes on after the end of a reshard is the way back to the shards that there are.
fn was_called_off(before: &Config, after: &Config) -> bool {
    let goes_back = after.goal() == Some(after.owning_shards()) && after.migration().is_none();
    goes_back && before.goal().is_some() && (before.goal() != after.goal() || before.migration().is_some())
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use causeway::{
        id::NodeId,
        placement::{Change, Departure},
    };

    use super::*;
    use crate::checker::litmus::{Litmus, blame};

    fn judged(wish: &Wish, status: u16, text: &str, configs: &[Arc<Config>]) -> Option<Property> {
        blame(check(&Answer { wish, status, text, configs: Some(configs), in_doubt: false }))
    }

    #[test]
    fn who_claims_a_change_made_it_in_its_time() {
        let first = Litmus::new().config();
        let number = u16::try_from(first.members().len()).unwrap();
        let with = first.changed(&Change::Introduce { address: address(number) }).unwrap();
        let without = with.changed(&Change::Remove { node: NodeId(number.into()), how: Departure::Cut }).unwrap();
        let [first, with, without] = [first, with, without].map(Arc::new);
        let remove = Wish::RemoveNode { address: number };
        let both = [with.clone(), without.clone()];
        assert_eq!(judged(&remove, 200, "deleted", &both), None);
        let other = judged(&remove, 200, "deleted", from_ref(&without));
        assert_eq!(other, Some(Property::AnswersByContract), "it was done before");
        assert_eq!(judged(&remove, 404, "View has no such replica", &both), None);
        let add = Wish::AddNode { address: number };
        assert_eq!(judged(&add, 201, "added", &[first, with.clone()]), None);
        assert_eq!(judged(&add, 201, "added", from_ref(&with)), Some(Property::AnswersByContract), "it was there");
        assert_eq!(judged(&add, 200, "already present", from_ref(&with)), None);
        let owed = Answer { wish: &remove, status: 200, text: "deleted", configs: Some(&[without]), in_doubt: true };
        assert_eq!(blame(check(&owed)), None, "nobody knows whose it was");
    }

    #[test]
    fn a_reshard_that_did_not_come_to_its_end() {
        let config = Arc::new(Litmus::new().config());
        let shards = config.owning_shards();
        let asked = |shards, status, text| judged(&Wish::Reshard { shards }, status, text, from_ref(&config));
        assert_eq!(asked(shards, 200, "resharded"), None);
        assert_eq!(asked(shards + 1, 200, "resharded"), Some(Property::AnswersByContract));
        assert_eq!(asked(shards + 1, 409, "The reshard was aborted"), None);
        let aborted = |configs: &[Arc<Config>]| judged(&Wish::AbortReshard, 200, "aborted", configs);
        let reshard = Change::Reshard { shards: shards + 1, gone: Vec::new() };
        let under_way = config.changed(&reshard).unwrap();
        let ended = Arc::new(under_way.changed(&Change::Abort).unwrap());
        assert_eq!(aborted(&[config.clone(), Arc::new(under_way), ended.clone()]), None);
        assert_eq!(aborted(&[ended]), Some(Property::AnswersByContract), "it was called off before");
        assert_eq!(asked(1, 500, "internal"), Some(Property::AnswersByContract));
    }
}
