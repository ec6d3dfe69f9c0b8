//! Founding, as a node goes about it: ask around, attempt, try again. What may be concluded is in `founding`.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use openraft_rt::AsyncRuntime;

use super::{
    decided::Decided,
    desk::Answered,
    founding::{Ballot, Founding, Promise, Promises, majority},
    machine::Machine,
    member::{Group, MemberId},
    raft_runtime::EnvRuntime,
    room::Room,
    wire::{Answer, Ask},
};
use crate::id::NodeId;

/// How long the others may take for an answer.
const ANSWER: Duration = Duration::from_millis(500);

/// How long nodes wait at the least between attempts; each adds up to as much again, by chance, so that they do not meet for ever.
const BETWEEN_MS: u64 = 250;

/// How far the first attempts of two nodes are apart that are neighbours in the list.
const STAGGER_MS: u64 = 100;

impl<D: Decided> Room<D> {
    /// Returns once this disk is in a group. `None`: the file failed.
    pub(super) async fn found(self: &Arc<Self>) -> Option<()> {
        let began_us = self.now_us();
        let row = self.plan.listed.iter().position(|node| *node == self.plan.me).unwrap_or_default() as u64;
        EnvRuntime::sleep(Duration::from_millis(row * STAGGER_MS)).await;
        let mut round = 0;
        while self.group().is_none() {
            let patient = self.now_us().saturating_sub(began_us) < self.plan.settings.founding_patience_ms * 1_000;
            let enough = if patient { self.plan.listed.len() } else { majority(self.plan.listed.len()) };
            let promised = self.shelf.read(|content| content.founding.promised());
            round = u32::max(round, promised.round) + 1;
            let attempt = match self.plan.first.clone() {
                Some(first) => self.attempt(Ballot { round, node: self.plan.me.0 }, enough, first).await,
                None => self.look_for_group().await,
            };
            match attempt {
                Attempt::InGroup(group) => self.settle(group, None).await.ok()?,
                Attempt::Settled(founding) => {
                    self.settle(founding.group, Some(founding.clone())).await.ok()?;
                    for node in self.others() {
                        self.desk.tell(node, Ask::Settled(founding.clone()));
                    }
                }
                Attempt::Outbid(higher) => round = round.max(higher.round),
                Attempt::TooFew => {}
                Attempt::Failed => return None,
            }
            if self.group().is_none() {
                let wait_ms = BETWEEN_MS + self.random() % BETWEEN_MS;
                EnvRuntime::sleep(Duration::from_millis(wait_ms)).await;
            }
        }
        Some(())
    }

    /// Asks whether there is a group, and nothing else: everybody may promise the lowest ballot.
    async fn look_for_group(self: &Arc<Self>) -> Attempt<D> {
        self.ask_listed(&Ask::Prepare(Ballot::default())).await.map_or_else(|why| why, |_| Attempt::TooFew)
    }

    async fn attempt(self: &Arc<Self>, ballot: Ballot, enough: usize, first: D) -> Attempt<D> {
        let mut promises = Promises::none();
        for (member, promise) in match self.ask_listed(&Ask::Prepare(ballot)).await {
            Ok(promises) => promises,
            Err(why) => return why,
        } {
            match promise {
                Promise::Promised(accepted) => promises.add(member, accepted),
                Promise::Higher(higher) => return Attempt::Outbid(higher),
                Promise::Accepted => {}
            }
        }
        if promises.count() < enough {
            return Attempt::TooFew;
        }
        let nonce = self.random();
        let founding = promises.founding(|voters| new_founding(nonce, voters, first));
        let answers = match self.ask_listed(&Ask::Accept(ballot, founding.clone())).await {
            Ok(answers) => answers,
            Err(why) => return why,
        };
        let accepted = answers.iter().filter(|(_, promise)| *promise == Promise::Accepted).count();
        if accepted >= majority(self.plan.listed.len()) { Attempt::Settled(founding) } else { Attempt::TooFew }
    }

    /// Asks all listed nodes, this one too, and gives what they promised; or why that does not matter.
    async fn ask_listed(self: &Arc<Self>, ask: &Ask<D>) -> Result<Vec<(MemberId, Promise<D>)>, Attempt<D>> {
        let mut promises = Vec::new();
        match self.answer_founder(ask.clone()).await {
            Answer::Promise(promise) => promises.push((self.desk.member(), promise)),
            _ => return Err(self.group().map_or(Attempt::Failed, Attempt::InGroup)),
        }
        let others: Vec<NodeId> = self.plan.listed.iter().filter(|node| **node != self.plan.me).copied().collect();
        let mut answers: FuturesUnordered<_> =
            others.into_iter().map(|node| self.desk.ask((node, None), ask.clone(), ANSWER)).collect();
        while let Some(answered) = answers.next().await {
            match answered {
                Some(Answered { group: Some(group), .. }) => return Err(Attempt::InGroup(group)),
                Some(Answered { from, answer: Answer::Promise(promise), .. }) => promises.push((from, promise)),
                _ => {}
            }
        }
        Ok(promises)
    }
}

fn new_founding<D: Decided>(nonce: u64, voters: BTreeSet<MemberId>, first: D) -> Founding<D> {
    let group = Group { generation: first.epoch().generation, nonce };
    Founding { group, machine: Arc::new(Machine::founded(first)), voters }
}

/// What came of an attempt.
enum Attempt<D: Decided> {
    /// There is a group.
    InGroup(Group),
    /// This is how there will be one.
    Settled(Founding<D>),
    /// Another one's ballot is higher.
    Outbid(Ballot),
    /// Too few answered.
    TooFew,
    /// The file failed.
    Failed,
}
