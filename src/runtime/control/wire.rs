//! What members of the control log say to each other, and how that is cut into frames.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse};
use serde::{Deserialize, Serialize};

use super::{
    decided::{Decided, Outcome, Proposal},
    founding::{Ballot, Founding, Promise},
    machine::Machine,
    member::{Group, MemberId},
    types::{SnapshotMeta, Types, Vote},
};
use crate::id::NodeId;

/// No frame is longer than this and a few bytes: what is, travels in pieces, so that other frames of the link pass between.
const PIECE_BYTES: usize = 192 << 10;

/// How many messages in pieces are put together for one node at a time. Of more, the oldest is given up.
const UNFINISHED: usize = 4;

/// A message.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Envelope<D: Decided> {
    /// Who says so.
    pub from: MemberId,
    /// The sender's group, if it is in one.
    pub group: Option<Group>,
    /// For which disk it is: what was meant for one that is gone is not heard. `None` where the sender cannot know.
    pub to: Option<MemberId>,
    /// What it says.
    pub body: Body<D>,
}

/// A question, or the answer to one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Body<D: Decided> {
    /// Is to be answered under its number.
    Ask(u64, Ask<D>),
    /// Answers the question of that number.
    Answer(u64, Answer<D>),
}

/// A question.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Ask<D: Decided> {
    /// Raft: more of the log, or a heartbeat.
    Append(AppendEntriesRequest<Types<D>>),
    /// Raft: an election.
    Vote(VoteRequest<Types<D>>),
    /// Raft: whether an election would be won.
    PreVote(VoteRequest<Types<D>>),
    /// Raft: what the log led to, in its place.
    Snapshot(Vote<D>, SnapshotMeta<D>, Arc<Machine<D>>),
    /// To the leader: decide this.
    Propose(Proposal<D::Change>),
    /// To the leader: this is how the log begins.
    Found(Arc<Machine<D>>),
    /// To everyone: I am in the group, and its log does not know me. Not answered.
    Hello,
    /// Founding: will you hear nobody below this ballot?
    Prepare(Ballot),
    /// Founding: will you have this?
    Accept(Ballot, Founding<D>),
    /// Founding: this it is. Not answered.
    Settled(Founding<D>),
}

/// An answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Answer<D: Decided> {
    /// To `Append`.
    Append(AppendEntriesResponse<Types<D>>),
    /// To `Vote` and `PreVote`.
    Vote(VoteResponse<Types<D>>),
    /// To `Snapshot`.
    Snapshot(SnapshotResponse<Types<D>>),
    /// To `Propose` and `Found`.
    Outcome(Outcome<D::Refusal>),
    /// To `Propose` and `Found`: certainly not done, I do not lead.
    NotLeader,
    /// To `Propose` and `Found`: it may be done, and may still be.
    Unknown,
    /// To `Prepare` and `Accept`.
    Promise(Promise<D>),
    /// I cannot say: I am in another group, in none, or on my way down.
    Fenced,
}

/// Part of a message.
#[derive(Serialize, Deserialize)]
struct Piece {
    /// Tells the sender's messages apart.
    message: u64,
    index: u32,
    count: u32,
    bytes: Bytes,
}

/// Cuts a message into frames.
pub fn to_frames(message: u64, bytes: &[u8]) -> impl Iterator<Item = Bytes> {
    let pieces = bytes.chunks(PIECE_BYTES);
    let count = pieces.len() as u32;
    (0..).zip(pieces).filter_map(move |(index, piece)| {
        let piece = Piece { message, index, count, bytes: Bytes::copy_from_slice(piece) };
        postcard::to_allocvec(&piece).ok().map(Bytes::from)
    })
}

/// Puts frames together again.
#[derive(Debug, Default)]
pub struct Pieces {
    /// By sender and message, each with the pieces that came, by index.
    unfinished: BTreeMap<(NodeId, u64), BTreeMap<u32, Bytes>>,
    /// The same, oldest first.
    order: Vec<(NodeId, u64)>,
}

impl Pieces {
    /// Takes a frame. Gives the message that it completes.
    pub fn take(&mut self, from: NodeId, frame: &[u8]) -> Option<Bytes> {
        let piece: Piece = postcard::from_bytes(frame).ok()?;
        if piece.index >= piece.count {
            return None;
        }
        if piece.count == 1 {
            return Some(piece.bytes);
        }
        let key = (from, piece.message);
        if !self.unfinished.contains_key(&key) {
            self.make_room(from);
            self.order.push(key);
        }
        let pieces = self.unfinished.entry(key).or_default();
        pieces.insert(piece.index, piece.bytes);
        if pieces.len() < piece.count as usize {
            return None;
        }
        self.order.retain(|other| *other != key);
        let pieces = self.unfinished.remove(&key)?;
        Some(pieces.into_values().flatten().collect::<Vec<u8>>().into())
    }

    fn make_room(&mut self, from: NodeId) {
        if self.order.iter().filter(|(node, _)| *node == from).count() < UNFINISHED {
            return;
        }
        if let Some(oldest) = self.order.iter().position(|(node, _)| *node == from) {
            self.unfinished.remove(&self.order.remove(oldest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: NodeId = NodeId(3);

    #[test]
    fn pieces_are_put_together_in_any_order_and_no_frame_is_long() {
        let long: Vec<u8> = (0..600_000_u32).map(|byte| byte as u8).collect();
        let mut frames: Vec<Bytes> = to_frames(1, &long).collect();
        assert_eq!(frames.len(), 4);
        assert!(frames.iter().all(|frame| frame.len() < 256 << 10));
        frames.reverse();
        let mut pieces = Pieces::default();
        let mut whole = frames.iter().filter_map(|frame| pieces.take(FROM, frame));
        assert_eq!(whole.next().as_deref(), Some(&long[..]));
        assert_eq!(to_frames(2, b"short").filter_map(|frame| pieces.take(FROM, &frame)).collect::<Vec<_>>(), [&b"short"[..]]);
    }

    #[test]
    fn what_never_becomes_whole_is_forgotten() {
        let mut pieces = Pieces::default();
        for message in 0..100 {
            let first = to_frames(message, &[0; PIECE_BYTES + 1]).next().expect("two frames");
            assert_eq!(pieces.take(FROM, &first), None);
        }
        assert_eq!((pieces.unfinished.len(), pieces.order.len()), (UNFINISHED, UNFINISHED));
        assert_eq!(pieces.take(FROM, b"noise that is no piece"), None);
    }
}
