//! The way of a client's request to a node and back.
//!
//! Clients are outside of the cluster: they reach each node over a link of their own, and a request that gets no answer in time is
//! never read as 'did not happen'.

use std::{collections::BTreeSet, fmt, ops::RangeInclusive};

use axum::{
    body::Body,
    http::{Request, Response},
};
use bytes::Bytes;
use causeway::http::Api;
use http_body_util::BodyExt;

use crate::streams::Chance;

/// What the way between clients and a node does. Every field is a fault; the default is a healthy one.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientLink {
    /// How long a request, and an answer, takes in microseconds: drawn evenly for each.
    pub latency_us: RangeInclusive<u64>,
    /// The probability that a request is lost, and that an answer is.
    pub loss: f64,
    /// The ways on which everything is lost.
    pub cut: BTreeSet<Way>,
}

/// From a client to a node, or from a node to its clients. The numbers are part of what a seed means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Requests.
    There = 0,
    /// Answers.
    Back = 1,
}

impl Default for ClientLink {
    fn default() -> Self {
        Self { latency_us: 100..=500, loss: 0.0, cut: BTreeSet::new() }
    }
}

impl ClientLink {
    /// What happens to one request or answer: how long it takes, or `None` when it is lost.
    pub(crate) fn draw_us(&self, way: Way, mut chance: Chance) -> Option<u64> {
        let lost = chance.happens(self.loss);
        let takes_us = chance.between(&self.latency_us);
        (!lost && !self.cut.contains(&way)).then_some(takes_us)
    }
}

impl fmt::Display for ClientLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { latency_us, loss, cut } = self;
        write!(f, "{}..{} us, loss {loss}", latency_us.start(), latency_us.end())?;
        cut.iter().try_for_each(|way| write!(f, ", {way} are lost"))
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::There => "requests",
            Self::Back => "answers",
        })
    }
}

/// Why a client got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoAnswer {
    /// No process listens there. Certainly not applied.
    Refused,
    /// The process died with the request in hand. It may have been applied, or be applied later.
    Broken,
    /// Nothing came in time. It may have been applied, or be applied later.
    TimedOut,
}

impl NoAnswer {
    /// Whether the request may have been applied, or may still be.
    pub fn may_take_effect(self) -> bool {
        self != Self::Refused
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "connection refused",
            Self::Broken => "connection broken",
            Self::TimedOut => "no answer in time",
        })
    }
}

/// Has a node answer one request, as its accept loop would.
pub(crate) async fn serve(api: &Api, request: Request<Bytes>) -> Response<Bytes> {
    let (head, body) = api.answer(request.map(Body::from)).await.into_parts();
    let body = body.collect().await.expect("a body made in memory is whole").to_bytes();
    Response::from_parts(head, body)
}
