//! What others ask of this node.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use openraft::storage::Snapshot;
use openraft_rt::AsyncRuntime;
use tokio::sync::mpsc;

use super::{
    decided::Decided,
    desk::Answered,
    file::Record,
    raft_runtime::EnvRuntime,
    room::{End, Room, Running},
    wire::{Answer, Ask, Body, Envelope},
};
use crate::id::NodeId;

/// How long raft may take for an answer. Who asked has given up by then.
const ANSWER: Duration = Duration::from_millis(3_000);

impl<D: Decided> Room<D> {
    /// Takes frames until there will be no more.
    pub(super) async fn hear(self: Arc<Self>, mut incoming: mpsc::UnboundedReceiver<(NodeId, Bytes)>) {
        while let Some((from, frame)) = incoming.recv().await {
            let Some(envelope) = self.desk.receive(from, &frame) else { continue };
            self.heed_generation(&envelope);
            if !self.desk.is_for_me(&envelope) {
                self.warn_older(&envelope);
                continue;
            }
            let Envelope { from, group, to, body } = envelope;
            if group.is_some() && group == self.group() {
                self.note_disk(from);
            }
            match body {
                Body::Answer(number, answer) => self.desk.answered(number, Answered { from, group, answer }),
                Body::Ask(number, ask) => {
                    let room = self.clone();
                    drop(EnvRuntime::spawn(async move {
                        let envelope = Envelope { from, group, to, body: Body::Ask(number, ask) };
                        if let Some((number, answer)) = room.answer(envelope).await {
                            room.desk.answer(from, number, answer);
                        }
                    }));
                }
            }
        }
    }

    /// A newer generation ends this one, whoever tells of it.
    fn heed_generation(&self, envelope: &Envelope<D>) {
        if let (Some(mine), Some(theirs)) = (self.group(), envelope.group)
            && theirs.generation > mine.generation
        {
            // Nobody listens when the room is on its way down.
            let _ = self.ends.send(End::Newer(theirs));
        }
    }

    /// Who speaks to a disk of an older generation learns that there is a newer one.
    fn warn_older(&self, envelope: &Envelope<D>) {
        if let (Some(mine), Some(theirs), Body::Ask(number, _)) = (self.group(), envelope.group, &envelope.body)
            && theirs.generation < mine.generation
        {
            self.desk.answer(envelope.from, *number, Answer::Fenced);
        }
    }

    async fn answer(&self, envelope: Envelope<D>) -> Option<(u64, Answer<D>)> {
        let Envelope { from: _, group: theirs, to, body } = envelope;
        let Body::Ask(number, ask) = body else { return None };
        let answer = match ask {
            Ask::Prepare(_) | Ask::Accept(..) => self.answer_founder(ask).await,
            Ask::Settled(founding) => {
                if theirs == Some(founding.group) {
                    let _ = self.settle(founding.group, Some(founding)).await;
                }
                return None;
            }
            _ if self.group().is_none() => {
                // Who knows this disk by its name has it in the group: there is no need to found one.
                if let (Some(group), Some(_)) = (theirs, to) {
                    let _ = self.settle(group, None).await;
                }
                Answer::Fenced
            }
            _ if self.group() != theirs => Answer::Fenced,
            Ask::Hello => return None,
            ask => match self.running() {
                Some(running) => self.answer_member(&running, ask).await,
                None => Answer::Fenced,
            },
        };
        Some((number, answer))
    }

    pub(super) async fn answer_founder(&self, ask: Ask<D>) -> Answer<D> {
        let _turn = self.founding_turn.lock().await;
        if self.group().is_some() {
            return Answer::Fenced;
        }
        let mut acceptor = self.shelf.read(|content| content.founding.clone());
        let before = acceptor.clone();
        let promise = match ask {
            Ask::Prepare(ballot) => acceptor.prepare(ballot),
            Ask::Accept(ballot, founding) => acceptor.accept(ballot, founding),
            _ => return Answer::Fenced,
        };
        let durable = acceptor == before || self.shelf.keep(Record::Founding(acceptor)).await.is_ok();
        if durable { Answer::Promise(promise) } else { Answer::Fenced }
    }

    async fn answer_member(&self, running: &Running<D>, ask: Ask<D>) -> Answer<D> {
        let raft = &running.raft;
        let answer = async {
            match ask {
                Ask::Append(request) => {
                    self.note_leader();
                    raft.append_entries(request).await.map_or(Answer::Fenced, Answer::Append)
                }
                Ask::Vote(request) => raft.vote(request).await.map_or(Answer::Fenced, Answer::Vote),
                Ask::PreVote(request) => raft.pre_vote(request).await.map_or(Answer::Fenced, Answer::Vote),
                Ask::Snapshot(vote, meta, snapshot) => {
                    let installed = raft.install_full_snapshot(vote, Snapshot { meta, snapshot }).await;
                    installed.map_or(Answer::Fenced, Answer::Snapshot)
                }
                Ask::Propose(proposal) => self.decide(running, super::types::Command::Propose(proposal)).await,
                Ask::Found(machine) => self.decide(running, super::types::Command::Found(machine)).await,
                Ask::Hello | Ask::Prepare(_) | Ask::Accept(..) | Ask::Settled(_) => Answer::Fenced,
            }
        };
        EnvRuntime::timeout(ANSWER, answer).await.unwrap_or(Answer::Unknown)
    }
}
