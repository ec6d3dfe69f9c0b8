//! What a peer says: past the gates of epoch, process and holdoff, then to whom it concerns.

use std::collections::VecDeque;

use super::{Node, view};
use crate::{
    id::{Epoch, NodeId},
    mark::{Mark, reached},
    message::{Envelope, Message},
    mutant::{Mutant, planted},
};

impl Node {
    pub(super) fn receive(&mut self, from: NodeId, envelope: Envelope) {
        match envelope.message {
            Message::ConfigRequest => return self.answer_config_request(from),
            Message::Config(config) => return self.learn_config(config),
            _ if envelope.epoch.generation < self.plan.config.epoch().generation => {
                self.counters.stale_messages += 1;
                return;
            }
            _ if envelope.epoch > self.plan.config.epoch() && !planted(Mutant::PeerEpochIgnored) => {
                return self.hold_until_adopted(from, envelope);
            }
            _ => {}
        }
        match self.view.sender(from, envelope.incarnation) {
            view::Sender::Gone => {
                self.counters.stale_messages += 1;
                return reached(Mark::OldIncarnation);
            }
            view::Sender::Fresh => {
                self.forget_exchange(from);
                self.forwards.forget_taken(from);
                self.may_have_passed_on(from);
            }
            view::Sender::Known => {}
        }
        let changes = self.view.heard(from, self.now.monotonic_us);
        self.view_changed(changes);
        if envelope.message.repairs() && self.view.holds_off(from, self.now.monotonic_us) {
            return reached(Mark::HoldoffKept);
        }
        self.dispatch(from, envelope.epoch, envelope.message);
    }

    /// What waited for the config of its epoch. A process that was heard meanwhile may be a later one of its node: it must not be taken for
    /// one that is gone.
    pub(super) fn receive_held(&mut self, held: VecDeque<(NodeId, Envelope)>) {
        for (from, envelope) in held {
            if !self.view.knows_another(from, envelope.incarnation) {
                self.receive(from, envelope);
            }
        }
    }

    fn dispatch(&mut self, from: NodeId, epoch: Epoch, message: Message) {
        match message {
            Message::Push(push) => self.receive_push(from, push),
            Message::PushAck { number, applied } => self.receive_ack(from, number, applied),
            Message::Pull(pull) => self.answer_pull(from, pull),
            Message::PullAnswer(answer) => self.receive_pulled(from, answer),
            Message::SnapshotRequest { copy, from: slot, until } => self.answer_snapshot_request(from, copy, slot, until),
            Message::SnapshotPart(part) => self.receive_snapshot_part(from, part),
            Message::DigestRequest { range } => self.answer_digest_request(from, range),
            Message::Digest { range, vector, hash } => self.receive_digest(from, range, &vector, hash),
            Message::Gossip(gossip) => self.receive_gossip(from, epoch, gossip),
            Message::Forward(forward) => self.receive_forward(from, forward),
            Message::ForwardReply { number, asker, reply }
                if asker == self.plan.incarnation || planted(Mutant::ReplyToAnotherProcess) =>
            {
                self.receive_forward_reply(from, number, reply);
            }
            Message::ForwardReply { .. } => self.counters.stale_messages += 1,
            Message::ConfigRequest | Message::Config(_) => {}
            Message::FoundingQuery => self.answer_founding_query(from),
            Message::FoundingReply { born_empty, heard, promised } => {
                self.receive_founding_reply(from, born_empty, heard, promised);
            }
        }
    }

    pub(super) fn not_sent(&mut self, to: NodeId, message: Message) {
        match message {
            Message::Forward(forward) => self.forward_not_sent(to, forward.number),
            Message::Push(_) => self.push_not_sent(to),
            Message::Pull(_) => self.pulls.forget(to),
            _ => {}
        }
    }
}
