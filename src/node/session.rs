//! A client's operation at a replica of its key's shard.
//!
//! Gate, then the check that makes it causal: everything that the token names, of every actor that can write the slot, must be
//! applied here. Writes pass the same check, since created, replaced and deleted speak about the past. What fails it waits
//! ([`waiting`](super::waiting)), and only then is anything logged.

use std::sync::Arc;

use super::{
    Answer, Command, KeyAnswer, KeyRequest, Node, Outcome, Request, WhyNoWrites,
    forward::{Ask, Origin},
    waiting::Obstacle,
};
use crate::{
    clock::{Dot, Hlc, Token},
    error::Refusal,
    id::{ActorId, RequestId},
    mark::{Mark, reached},
    mutant::{Mutant, planted},
    placement::slot_of,
    store::{Operation, OperationId, Remembered, Value, Version, Write},
};

/// A write accepted here, with what its answer needs.
#[derive(Debug)]
pub(super) struct OwnWrite {
    pub write: Arc<Write>,
    pub origin: Origin,
    /// What the session had seen.
    pub token: Token,
    pub outcome: Outcome,
    pub write_concern: u8,
}

/// A put or delete, taken apart.
struct WriteCommand {
    value: Option<Value>,
    operation: Option<OperationId>,
    write_concern: u8,
}

impl Node {
    pub(super) fn client_request(&mut self, id: RequestId, request: Request) {
        let patience_us = 1_000 * self.plan.settings.patience_ms();
        let ask = Ask {
            origin: Origin::Client(id),
            request,
            hops: self.plan.settings.hop_limit,
            expires_us: self.now.monotonic_us + patience_us,
            waited: false,
        };
        self.ask(ask);
    }

    /// Answers what can be answered here, passes on what another node must answer, and lets the rest wait.
    pub(super) fn ask(&mut self, ask: Ask) {
        let shard = match &ask.request {
            Request::Key(request) => self.plan.config.shard_of(&request.key),
            Request::CountKeys(shard) | Request::SizesMoving(shard) => *shard,
            Request::Admin(command) => return self.admin_request(ask.origin, command.clone()),
        };
        if !self.plan.config.has_shard(shard) {
            return self.answer(ask.origin, Err(Refusal::NoSuchShard));
        }
        if self.standing.is_stopping() {
            return self.answer(ask.origin, Err(Refusal::Stopping));
        }
        if let Request::Key(request) = &ask.request
            && self.is_of_newer_epoch(&request.token)
        {
            return self.wait(ask, Obstacle::NewerEpoch);
        }
        if shard != self.shard {
            return self.forward(ask, shard);
        }
        if !self.standing.serves() {
            return self.forward_or(ask, Refusal::Starting);
        }
        if self.is_leaving() {
            return self.forward_or(ask, Refusal::CannotForward);
        }
        if let Request::Key(request) = &ask.request
            && !self.holds_slot(slot_of(&request.key))
        {
            return self.forward_or(ask, Refusal::CannotForward);
        }
        if let Request::Key(request) = &ask.request
            && self.digest.is_corrupt(slot_of(&request.key))
        {
            return self.forward_or(ask, Refusal::CannotForward);
        }
        match ask.request {
            Request::Admin(command) => self.admin_request(ask.origin, command),
            Request::CountKeys(_) => self.answer(ask.origin, Ok(Answer::Count(self.live_keys()))),
            Request::SizesMoving(_) => self.answer(ask.origin, Ok(Answer::Sizes(self.sizes_moving()))),
            Request::Key(ref request) => match self.obstacle(request) {
                Some(obstacle) => self.wait(ask, obstacle),
                None => self.execute(ask),
            },
        }
    }

    /// What keeps a request from being executed here and now.
    pub(super) fn obstacle(&mut self, request: &KeyRequest) -> Option<Obstacle> {
        if !planted(Mutant::ReadWithoutCheck) {
            let limit = self.clock.read(self.now.wall_ms).plus_millis(self.plan.settings.drift_ms);
            if request.token.max_hlc() > limit {
                return Some(Obstacle::TokenAhead);
            }
            let lacking = self.lacking(request);
            if !lacking.is_empty() {
                return Some(Obstacle::Lacking(lacking));
            }
        }
        match &request.command {
            Command::Write { operation: Some(id), .. } if self.journal.has_operation(*id) => Some(Obstacle::SameOperation),
            Command::Write { value: None, .. } if self.journal.pending_put(&request.key) == Some(false) => {
                Some(Obstacle::SameDelete)
            }
            _ => None,
        }
    }

    /// The actors that write the key of which the token names more than is applied here.
    pub(super) fn lacking(&mut self, request: &KeyRequest) -> Vec<(ActorId, Hlc)> {
        let mut lacking = Vec::new();
        for actor in self.writers(slot_of(&request.key)) {
            let need = request.token.get(actor);
            let applied = if actor == self.actor { self.own_promise(need) } else { self.reach(actor, &self.applied) };
            if applied < need {
                lacking.push((actor, need));
            }
        }
        lacking
    }

    pub(super) fn execute(&mut self, ask: Ask) {
        let Request::Key(request) = &ask.request else { return };
        match &request.command {
            Command::Get => {
                let answer = self.get(request);
                self.counters.gets += 1;
                self.answer(ask.origin, Ok(Answer::Key(answer)));
            }
            Command::Write { .. } if self.refuses_writes() => self.forward_or(ask, Refusal::NoWriter),
            Command::Write { value, operation, write_concern } => {
                let command = WriteCommand { value: value.clone(), operation: *operation, write_concern: *write_concern };
                let (key, token) = (request.key.clone(), request.token.clone());
                self.write(ask.origin, KeyRequest { key, token, command: Command::Get }, command);
            }
        }
    }

    fn get(&mut self, request: &KeyRequest) -> KeyAnswer {
        let epoch = self.plan.config.epoch();
        let mut token = request.token.clone();
        token.raise_epoch(epoch);
        let mut outcome = Outcome::Absent;
        let is_seen = |version: &&Version| !version.is_tombstone() || !planted(Mutant::TombstoneReadForgotten);
        if let Some(version) = self.table.get(&request.key).filter(is_seen) {
            token.join(&version.seen(epoch));
            if let Some(value) = &version.value {
                outcome = Outcome::Found(value.clone());
            }
        }
        let has_gap = self.has_gap(&token);
        self.fold(&mut token);
        KeyAnswer { shard: self.shard, token, outcome, has_gap }
    }

    fn write(&mut self, origin: Origin, request: KeyRequest, command: WriteCommand) {
        let refusal = self.refuse_write(&command);
        if let Some(refusal) = refusal {
            return self.answer(origin, Err(refusal));
        }
        let fingerprint = fingerprint(&request, &command);
        if let Some(id) = command.operation
            && let Some(known) = self.known_operation(&request.key, id)
            && !planted(Mutant::RetryAppliedTwice)
        {
            return self.repeat(origin, &request, &command, fingerprint, known);
        }
        let existed = self.journal.pending_put(&request.key).unwrap_or_else(|| self.table.holds(&request.key));
        if command.value.is_none() && !existed {
            let answer = self.get(&request);
            return self.answer(origin, Ok(Answer::Key(answer)));
        }
        let outcome = outcome(&command, existed);
        let mut past = request.token.clone();
        self.fold(&mut past);
        if planted(Mutant::TokenKeepsOnlyTheDot) {
            past = Token::default();
        }
        let apart_from = self.table.horizon().no_twins;
        let floor = if planted(Mutant::HlcIgnoresToken) { Hlc::ZERO } else { request.token.max_hlc() };
        let hlc = self.clock.tick(self.now.wall_ms, floor);
        let write = Arc::new(Write {
            dot: Dot { actor: self.actor, hlc },
            epoch: self.plan.config.epoch(),
            key: request.key,
            value: command.value,
            past,
            operation: command.operation.map(|id| Operation { id, fingerprint, existed, apart_from }),
        });
        let write_concern = command.write_concern;
        self.log_own(OwnWrite { write, origin, token: request.token, outcome, write_concern });
    }

    /// Whether a token stands for writes of an epoch that this node has not adopted: what it must wait for may be somebody's of whom it
    /// has not heard.
    pub(super) fn is_of_newer_epoch(&self, token: &Token) -> bool {
        token.epoch() > self.plan.config.epoch() && !planted(Mutant::TokenEpochIgnored)
    }

    /// Whether this node's actor writes no more.
    pub(super) fn is_leaving(&self) -> bool {
        let seat = self.plan.config.seat(self.plan.me);
        seat.is_some_and(|seat| !seat.standing.writes()) && !planted(Mutant::LeaverWrites)
    }

    /// Live keys of the slots that the shard owns.
    pub(super) fn live_keys(&self) -> u64 {
        match self.plan.config.migration() {
            Some(_) => self.table.size_of(&self.plan.config.owners().slots_of(self.shard)).keys,
            None => self.table.live(),
        }
    }

    fn refuses_writes(&self) -> bool {
        match self.standing.writes() {
            Ok(()) => false,
            Err(why) => why != WhyNoWrites::ClockAhead || !planted(Mutant::ClockAheadWrites),
        }
    }

    fn refuse_write(&self, command: &WriteCommand) -> Option<Refusal> {
        let replicas = self.plan.config.replicas(self.shard).count();
        let limit = self.plan.settings.max_memory_bytes;
        if usize::from(command.write_concern) > replicas {
            Some(Refusal::WriteConcernTooLarge)
        } else if command.value.is_some() && limit > 0 && self.memory_bytes() >= limit {
            Some(Refusal::MemoryFull)
        } else {
            None
        }
    }

    /// What is known of an operation, by memory, or by the key's versions when the memory had no room for it.
    fn known_operation(&self, key: &str, id: OperationId) -> Option<Remembered> {
        let remembered = self.operations.get(id).cloned();
        remembered.or_else(|| self.table.operation(key, id, self.plan.config.epoch()))
    }

    /// Answers the retry of an operation that was applied before.
    fn repeat(&mut self, origin: Origin, request: &KeyRequest, command: &WriteCommand, fingerprint: u64, known: Remembered) {
        if known.operation.fingerprint != fingerprint {
            return self.answer(origin, Err(Refusal::OperationReused));
        }
        reached(Mark::RetryRecognised);
        self.counters.retries_recognised += 1;
        let has_gap = self.has_gap(&request.token);
        let mut token = request.token.clone();
        token.join(&known.seen);
        let outcome = outcome(command, known.operation.existed);
        let answer = KeyAnswer { shard: self.shard, token, outcome, has_gap };
        self.acknowledge_write(origin, answer, known.dot, command.write_concern);
    }

    /// An own write is durable and applied: answer it, or wait for more replicas.
    pub(super) fn written(&mut self, own: OwnWrite) {
        let has_gap = self.has_gap(&own.token);
        let mut token = own.token;
        if !planted(Mutant::AnswerWithoutDot) {
            token.join(&own.write.seen());
        }
        let answer = KeyAnswer { shard: self.shard, token, outcome: own.outcome, has_gap };
        self.acknowledge_write(own.origin, answer, own.write.dot, own.write_concern);
    }

    fn acknowledge_write(&mut self, origin: Origin, mut answer: KeyAnswer, dot: Dot, write_concern: u8) {
        answer.token.raise_epoch(self.plan.config.epoch());
        self.fold(&mut answer.token);
        self.when_replicated(origin, answer, dot, write_concern);
    }

    /// Whether a token names a write above the cut of an actor that was cut off. Nobody can wait for it: what is there is served. Only
    /// entries are asked, since a floor stands for no write; so once the token is folded beyond the cut this is said no more.
    fn has_gap(&mut self, token: &Token) -> bool {
        let is_above = |dot: Dot| self.plan.config.cut_of(dot.actor).is_some_and(|cut| dot.hlc > cut);
        let has_gap = token.entries().any(is_above);
        if has_gap {
            reached(Mark::CausalGap);
            self.counters.causal_gaps += 1;
        }
        has_gap
    }

    /// Both folds of a token: the free one to the stable time, and the hard one to as many entries as are allowed here.
    fn fold(&self, token: &mut Token) {
        token.fold(self.stability.stable());
        token.fold_to(self.plan.settings.token_entries);
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        self.table.bytes() + self.tail.bytes()
    }
}

fn outcome(command: &WriteCommand, existed: bool) -> Outcome {
    match (&command.value, existed) {
        (Some(_), false) => Outcome::Created,
        (Some(_), true) => Outcome::Replaced,
        (None, _) => Outcome::Deleted,
    }
}

/// Tells a retry from another request with the same idempotency key: what is written where. The token is no part of it, since a
/// session may have learned more before it tries again.
fn fingerprint(request: &KeyRequest, command: &WriteCommand) -> u64 {
    let mut hasher = xxhash_rust::xxh3::Xxh3Default::new();
    hasher.update(request.key.as_bytes());
    if let Some(value) = &command.value {
        hasher.update(&[0, value.content_type as u8]);
        hasher.update(&value.bytes);
    }
    hasher.digest()
}
