//! One line for each message: what traces and goldens show.

use std::fmt;

use super::{Envelope, Forward, Frame, Gossip, Message, Pull, PullAnswer, Push, SnapshotPart};
use crate::{
    request::{AdminCommand, Answer, Command, KeyAnswer, Outcome, Reply, Request},
    store::Write,
};

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(envelope) => write!(f, "{envelope}"),
            Self::ConfigLog(bytes) => write!(f, "config-log of {} bytes", bytes.len()),
        }
    }
}

impl fmt::Display for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Push(Push { number: _, start, writes, promise, epoch: _ }) => {
                write!(f, "push from {start}:{} promise {promise}", Writes(writes))
            }
            Self::PushAck { number: _, applied } => write!(f, "push-ack applied {applied}"),
            Self::Pull(Pull { vector, need, own }) => {
                write!(f, "pull above [{vector}] need {need}{}", if *own { " own records too" } else { "" })
            }
            Self::PullAnswer(answer) => write!(f, "{answer}"),
            Self::SnapshotRequest { copy: _, from, until } => write!(f, "snapshot-request {from} to {until}"),
            Self::SnapshotPart(SnapshotPart { copy: _, from, until, vector, copied: _, entries, operations }) => {
                let (keys, operations) = (entries.len(), operations.len());
                write!(f, "snapshot-part {from} to {until} at [{vector}]: {keys} keys, {operations} operations")
            }
            Self::DigestRequest { range } => write!(f, "digest-request of range {range}"),
            Self::Digest { range, vector, hash } => write!(f, "digest of range {range} at [{vector}]: {hash:016x}"),
            Self::Gossip(gossip) => write!(f, "{gossip}"),
            Self::Forward(Forward { number, hops, request, .. }) => write!(f, "forward {number} ({hops} hops left): {request}"),
            Self::ForwardReply { number, reply, .. } => write!(f, "forward-reply {number}: {}", ReplyText(reply)),
            Self::ConfigRequest => write!(f, "config-request"),
            Self::Config(config) => write!(f, "config {}", config.epoch()),
            Self::FoundingQuery => write!(f, "founding-query"),
            Self::FoundingReply { born_empty, heard, promised } => {
                let born = if *born_empty { "born empty" } else { "born with data" };
                let heard = if *heard { "has heard of you" } else { "has never heard of you" };
                write!(f, "founding-reply: {born}, {heard}, promised {promised}")
            }
        }
    }
}

impl fmt::Display for PullAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pull-answer")?;
        for run in &self.runs {
            write!(f, " {} from {}:{} up to {};", run.actor, run.start, Writes(&run.writes), run.upto)?;
        }
        for (flag, text) in [(self.cut, " cut"), (self.more, " more"), (self.serves, " serves")] {
            f.write_str(if flag { text } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Gossip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gossip stable {}, applied everywhere as reported:", self.stable)?;
        self.reports.iter().try_for_each(|(actor, report)| write!(f, " {actor} {}", report.least))
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(request) => {
                let verb = match &request.command {
                    Command::Get => "get",
                    Command::Write { value: Some(_), .. } => "put",
                    Command::Write { value: None, .. } => "delete",
                };
                write!(f, "{verb} {} with {}", request.key, request.token)
            }
            Self::CountKeys(shard) => write!(f, "count keys of {shard}"),
            Self::SizesMoving(shard) => write!(f, "sizes of what {shard} gives"),
            Self::Admin(command) => write!(f, "{command}"),
        }
    }
}

impl fmt::Display for AdminCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddNode(address) => write!(f, "add {address} to the view"),
            Self::RemoveNode(address) => write!(f, "remove {address} from the view"),
            Self::AddMember { address, shard } => write!(f, "add {address} to {shard}"),
            Self::Reshard(shards) => write!(f, "reshard to {shards}"),
            Self::AbortReshard => f.write_str("abort the reshard"),
        }
    }
}

/// A reply is a `Result`, which has no text of its own.
struct ReplyText<'a>(&'a Reply);

impl fmt::Display for ReplyText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ok(Answer::Key(KeyAnswer { token, outcome, .. })) => {
                let outcome = match outcome {
                    Outcome::Found(_) => "found",
                    Outcome::Absent => "absent",
                    Outcome::Created => "created",
                    Outcome::Replaced => "replaced",
                    Outcome::Deleted => "deleted",
                };
                write!(f, "{outcome} with {token}")
            }
            Ok(Answer::Changed) => write!(f, "changed"),
            Ok(Answer::AlreadySo) => write!(f, "already so"),
            Ok(Answer::Sizes(sizes)) => write!(f, "{} sizes", sizes.len()),
            Ok(Answer::Count(count)) => write!(f, "{count} keys"),
            Err(refusal) => write!(f, "{refusal}"),
        }
    }
}

struct Writes<'a>(&'a [std::sync::Arc<Write>]);

impl fmt::Display for Writes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut writes = self.0.iter();
        match writes.next() {
            None => write!(f, " no records"),
            Some(first) => {
                write!(f, " {first}")?;
                writes.try_for_each(|write| write!(f, ", {write}"))
            }
        }
    }
}
