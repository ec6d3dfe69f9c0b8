//! The way of a client's request to a node and back.
//!
//! Clients are outside of the cluster: they reach each node over a link of their own, and a request that gets no answer in time is
//! never read as 'did not happen'.

use std::{fmt, ops::RangeInclusive};

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
};
use bytes::Bytes;
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::streams::Chance;

/// What the way between clients and a node does. Every field is a fault; the default is a healthy one.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientLink {
    /// How long a request, and an answer, takes in microseconds: drawn evenly for each.
    pub latency_us: RangeInclusive<u64>,
    /// The probability that a request is lost, and that an answer is.
    pub loss: f64,
}

impl Default for ClientLink {
    fn default() -> Self {
        Self { latency_us: 100..=500, loss: 0.0 }
    }
}

impl ClientLink {
    /// What happens to one request or answer: how long it takes, or `None` when it is lost.
    pub(crate) fn draw_us(&self, mut chance: Chance) -> Option<u64> {
        let lost = chance.happens(self.loss);
        let takes_us = chance.between(&self.latency_us);
        (!lost).then_some(takes_us)
    }
}

/// Which way something goes. The numbers are part of what a seed means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// A request.
    There = 0,
    /// An answer.
    Back = 1,
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

/// Has a node's router answer one request, as its accept loop would.
pub(crate) async fn serve(router: Router, request: Request<Bytes>) -> Response<Bytes> {
    let Ok(response) = router.oneshot(request.map(Body::from)).await;
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a body made in memory is whole").to_bytes();
    Response::from_parts(head, body)
}
