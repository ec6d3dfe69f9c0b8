//! Raft's network: its calls as questions to a member's disk.

use std::{future::Future, sync::Arc};

use openraft::{
    EmptyNode, RaftNetworkFactory, RaftNetworkV2,
    errors::{RPCError, ReplicationClosed, StreamingError, Unreachable},
    network::RPCOption,
    raft::{AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse},
    storage::Snapshot,
};
use thiserror::Error;

use super::{
    decided::Decided,
    desk::Desk,
    machine::Machine,
    member::MemberId,
    types::{Types, Vote},
    wire::{Answer, Ask},
};

/// Why a call gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
enum NoAnswer {
    #[error("no answer in time")]
    Silence,
    #[error("it cannot take part")]
    Fenced,
}

/// Makes connections.
pub(super) struct Network<D: Decided>(pub Desk<D>);

/// A way to one member.
pub(super) struct Connection<D: Decided> {
    desk: Desk<D>,
    to: MemberId,
}

impl<D: Decided> RaftNetworkFactory<Types<D>> for Network<D> {
    type Network = Connection<D>;

    async fn new_client(&mut self, target: u64, _node: &EmptyNode) -> Connection<D> {
        Connection { desk: self.0.clone(), to: MemberId::from(target) }
    }
}

fn unreachable<D: Decided>(why: NoAnswer) -> Unreachable<Types<D>> {
    Unreachable::new(&why)
}

impl<D: Decided> Connection<D> {
    async fn call(&self, ask: Ask<D>, option: &RPCOption) -> Result<Answer<D>, Unreachable<Types<D>>> {
        let answered = self.desk.ask((self.to.node, Some(self.to)), ask, option.hard_ttl()).await;
        Ok(answered.ok_or_else(|| unreachable(NoAnswer::Silence))?.answer)
    }

    async fn vote(&self, ask: Ask<D>, option: &RPCOption) -> Result<VoteResponse<Types<D>>, RPCError<Types<D>>> {
        match self.call(ask, option).await? {
            Answer::Vote(response) => Ok(response),
            _ => Err(unreachable(NoAnswer::Fenced).into()),
        }
    }
}

impl<D: Decided> RaftNetworkV2<Types<D>> for Connection<D> {
    type SnapshotData = Arc<Machine<D>>;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types<D>>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types<D>>, RPCError<Types<D>>> {
        match self.call(Ask::Append(request), &option).await? {
            Answer::Append(response) => Ok(response),
            _ => Err(unreachable(NoAnswer::Fenced).into()),
        }
    }

    async fn vote(
        &mut self,
        request: VoteRequest<Types<D>>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types<D>>, RPCError<Types<D>>> {
        Connection::vote(self, Ask::Vote(request), &option).await
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<Types<D>>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types<D>>, RPCError<Types<D>>> {
        Connection::vote(self, Ask::PreVote(request), &option).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote<D>,
        snapshot: openraft::alias::SnapshotOf<Types<D>, Arc<Machine<D>>>,
        _cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<Types<D>>, StreamingError<Types<D>>> {
        let Snapshot { meta, snapshot } = snapshot;
        match self.call(Ask::Snapshot(vote, meta, snapshot), &option).await? {
            Answer::Snapshot(response) => Ok(response),
            _ => Err(unreachable(NoAnswer::Fenced).into()),
        }
    }
}
