//! Operators in a story: `operator reshard 2 at n0`, and what the newest config is waited to be like.

use causeway::{id::NodeId, placement::Config};
use serde_json::Value;

use super::{
    command::{Command, Condition, Patience},
    links::known,
    phrase::Phrase,
    play::Stage,
    words::{Read, Words},
};
use crate::{cluster::address, operator::http_request, plan::Wish};

/// What operators are called in an account.
pub(super) const NAME: &str = "operator";

/// Reads what follows `operator`.
pub(super) fn read(words: &mut Words<'_>, nodes: u16) -> Read<Command> {
    if words.take_if("waits") {
        return Ok(Command::OperatorWaits);
    }
    let patience = if words.take_if("begins") { Patience::GoesOn } else { Patience::UntilAnswered };
    let wish = match words.need("what the operator asks for")? {
        "reshard" => Wish::Reshard { shards: small(words.number("how many shards")?)? },
        "add" => {
            let address = named(words, nodes)?;
            match words.take_if("to") {
                true => Wish::AddMember { address, shard: shard(words)? },
                false => Wish::AddNode { address },
            }
        }
        "remove" => Wish::RemoveNode { address: named(words, nodes)? },
        word => return Err(format!("an operator begins, waits, and asks to reshard, add and remove, not to `{word}`")),
    };
    words.expect("at")?;
    let node = known(words.need("a node")?, nodes)?;
    Ok(Command::Administer { node, wish, patience })
}

/// Reads what follows `until`.
pub(super) fn condition(words: &mut Words<'_>, nodes: u16) -> Read<Command> {
    let condition = match words.need("what is waited for")? {
        "moving" => Condition::Moving,
        "handed-over" => Condition::HandedOver,
        "at-rest" => Condition::AtRest,
        word => {
            let node = known(word, nodes)?;
            match words.need("`in` or `out`")? {
                "in" => Condition::In(node),
                "out" => Condition::Out(node),
                word => return Err(format!("a node is `in` a shard or `out`, not `{word}`")),
            }
        }
    };
    Ok(Command::Until(condition))
}

fn named(words: &mut Words<'_>, nodes: u16) -> Read<u16> {
    small(known(words.need("a node")?, nodes)?.0.into())
}

fn shard(words: &mut Words<'_>) -> Read<u16> {
    let word = words.need("a shard")?;
    let number = word.strip_prefix('s').and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| format!("`{word}` is no shard: write `s1`"))
}

fn small(number: u64) -> Read<u16> {
    number.try_into().map_err(|_| format!("{number} is too large"))
}

impl Condition {
    /// Whether a config is so.
    pub(super) fn holds(self, config: &Config) -> bool {
        let writes = |node: NodeId| config.seat(node).is_some_and(|seat| seat.standing.writes());
        let switched = config.migration().map(|migration| migration.switched.is_some());
        match self {
            Self::Moving => switched == Some(false),
            Self::HandedOver => switched == Some(true),
            Self::AtRest => switched.is_none() && config.goal().is_none() && config.actors().all(|actor| actor.standing.writes()),
            Self::In(node) => writes(node),
            Self::Out(node) => config.seat(node).is_none(),
        }
    }
}

/// Asks a node, and says what it answers. A node that is new is started once it is in the view.
pub(super) async fn ask(stage: Stage, node: NodeId, wish: Wish) {
    // No account tells of what takes more than one request.
    let Some(request) = http_request(&wish) else { return };
    let phrase = match stage.cluster.administer(node, request).await {
        Ok(response) => {
            let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
            let text = body.get("result").or(body.get("error")).and_then(Value::as_str).unwrap_or_default();
            Phrase::Answered { session: NAME.to_owned(), answer: format!("{} {text}", response.status().as_u16()) }
        }
        Err(why) => Phrase::Silent { session: NAME.to_owned(), why: why.to_string() },
    };
    if let Wish::AddNode { address: number } = wish
        && let Some(member) = stage.cluster.config().by_address(&address(number))
    {
        stage.cluster.start(member.node);
    }
    stage.say(node, phrase);
}
