//! Reading a request's body within a bound.

use std::{error::Error, pin::pin};

use axum::{body::HttpBody, http::HeaderMap, http::header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

use super::error::HttpError;

/// Room beside the value for the causal metadata, member names and white space.
const ENVELOPE_BYTES: usize = 64 << 10;
/// How much of a body that is too large is still read, in multiples of the bound. An answer to a client that is still sending may be
/// lost with the connection's reset, so the rest is let in and dropped where that is affordable.
const DRAINED_MULTIPLE: usize = 8;

/// A body did not arrive within its time limit. Whoever bounds the time puts this into the error of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("body did not arrive in time")]
pub struct BodyTimedOut;

/// Why a body ended early, as whoever sends it says.
pub(super) type BodyError = Box<dyn Error + Send + Sync>;

/// A whole body that may carry a value of this size.
pub(super) async fn read<B>(headers: &HeaderMap, body: B, max_value_bytes: usize) -> Result<Bytes, HttpError>
where
    B: HttpBody<Data = Bytes, Error: Into<BodyError>>,
{
    let mut body = pin!(body);
    let limit_bytes = max_value_bytes.saturating_add(ENVELOPE_BYTES);
    let too_large = HttpError::BodyTooLarge { limit_bytes };
    // Such a client waits for leave to send, and there is nothing to drain.
    if body.size_hint().lower() > limit_bytes as u64 && headers.contains_key(header::EXPECT) {
        return Err(too_large);
    }
    let mut parts = Parts::default();
    let mut seen_bytes = 0usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| classify(&*error.into()))?.into_data() else { continue };
        seen_bytes = seen_bytes.saturating_add(data.len());
        if seen_bytes <= limit_bytes {
            parts.push(data);
        } else if seen_bytes > limit_bytes.saturating_mul(DRAINED_MULTIPLE) {
            return Err(too_large);
        }
    }
    if seen_bytes > limit_bytes { Err(too_large) } else { Ok(parts.join()) }
}

/// A body that comes in one part is not copied.
#[derive(Default)]
struct Parts {
    first: Bytes,
    rest: BytesMut,
}

impl Parts {
    fn push(&mut self, data: Bytes) {
        if self.first.is_empty() {
            self.first = data;
        } else {
            self.rest.extend_from_slice(&data);
        }
    }

    fn join(self) -> Bytes {
        if self.rest.is_empty() {
            return self.first;
        }
        [self.first, self.rest.freeze()].concat().into()
    }
}

fn classify(error: &(dyn Error + 'static)) -> HttpError {
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = source {
        if error.is::<BodyTimedOut>() {
            return HttpError::BodyTimedOut;
        }
        source = error.source();
    }
    HttpError::BodyBroken
}
