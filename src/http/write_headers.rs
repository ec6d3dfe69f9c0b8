//! The headers of writes: `Idempotency-Key` names an operation over all its retries, `Write-Concern` asks on how many members a
//! write must be durable before it is answered.

use axum::http::{HeaderMap, HeaderValue};

use super::error::HttpError;
use crate::{error::Refusal, store::OperationId};

const IDEMPOTENCY_KEY: &str = "idempotency-key";
const WRITE_CONCERN: &str = "write-concern";
const MAX_IDEMPOTENCY_KEY_BYTES: usize = 255;

/// The operation's name, if the client gave one.
pub(super) fn operation(headers: &HeaderMap) -> Result<Option<OperationId>, HttpError> {
    let Some(value) = only(headers, IDEMPOTENCY_KEY, HttpError::IdempotencyKey)? else { return Ok(None) };
    let bytes = value.as_bytes();
    if bytes.is_empty() || bytes.len() > MAX_IDEMPOTENCY_KEY_BYTES {
        return Err(HttpError::IdempotencyKey);
    }
    Ok(Some(OperationId::of(bytes)))
}

/// On how many of the shard's members; 1 if the client does not say.
pub(super) fn write_concern(headers: &HeaderMap, members: usize) -> Result<u8, HttpError> {
    let Some(value) = only(headers, WRITE_CONCERN, HttpError::WriteConcern)? else { return Ok(1) };
    let digits = value.to_str().map_err(|_| HttpError::WriteConcern)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(HttpError::WriteConcern);
    }
    // Digits fail to parse only where the number is too large for any shard.
    match digits.parse::<u8>() {
        Ok(0) => Err(HttpError::WriteConcern),
        Ok(count) if usize::from(count) <= members => Ok(count),
        _ => Err(Refusal::WriteConcernTooLarge.into()),
    }
}

fn only<'a>(headers: &'a HeaderMap, name: &str, twice: HttpError) -> Result<Option<&'a HeaderValue>, HttpError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err(twice) } else { Ok(first) }
}
