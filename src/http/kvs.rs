//! `/kvs/<key>`: put, get and delete of one key.
//!
//! Everything that makes a request illegal is decided here, before the node hears of it. Values stay JSON text from the body to the
//! store and back, so that type and content come back unchanged.

use std::borrow::Cow;

use axum::{
    body::{Body, HttpBody},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::Response,
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    App,
    body::{self, BodyError},
    error::HttpError,
    json::{parse_object, present, text_of},
    key::{KEY_PREFIX, KeyError, decode_key},
    write_headers,
};
use crate::{
    clock::{Token, TokenKeys},
    error::Refusal,
    node::{Answer, Command, KeyAnswer, KeyRequest, Outcome, Request},
    store::{Key, Value},
};

/// Says that the session's past holds a write that was cut off with its actor: what is shown may lack it.
const CAUSAL_GAP: HeaderName = HeaderName::from_static("causal-gap");

/// The body of all three. A missing body is an object without members.
#[derive(Default, Deserialize)]
struct KeyBody<'a> {
    /// Any JSON value; `null` is one.
    #[serde(borrow, default, deserialize_with = "present")]
    value: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "causal-metadata")]
    metadata: Option<&'a RawValue>,
}

/// A string that is copied only if it holds escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A request whose key and body could be read.
pub(super) struct Parsed {
    key: Key,
    body: Bytes,
}

/// The body is read before the key is judged, so that an answer does not meet a client that is still sending.
pub(super) async fn parse<B>(app: &App, head: &Parts, body: B) -> Result<Parsed, HttpError>
where
    B: HttpBody<Data = Bytes, Error: Into<BodyError>>,
{
    let body = body::read(&head.headers, body, app.limits.max_value_bytes).await;
    let segment = head.uri.path().strip_prefix(KEY_PREFIX).ok_or(KeyError::Empty)?;
    Ok(Parsed { key: decode_key(segment)?, body: body? })
}

pub(super) async fn get(app: &App, Parsed { key, body }: Parsed) -> Result<Response, HttpError> {
    let token = open_token(&app.tokens, parse_object::<KeyBody>(&body)?.metadata)?;
    ask(app, KeyRequest { key, token, command: Command::Get }).await
}

pub(super) async fn put(app: &App, head: &Parts, Parsed { key, body }: Parsed) -> Result<Response, HttpError> {
    let members: KeyBody = parse_object(&body)?;
    let value = members.value.ok_or(HttpError::NoValue)?.get();
    let token = open_token(&app.tokens, members.metadata)?;
    let limit_bytes = app.limits.max_value_bytes;
    if value.len() > limit_bytes {
        return Err(HttpError::ValueTooLarge { limit_bytes });
    }
    // Copied: a slice would keep the whole body alive for as long as the value.
    let value = Value::json(Bytes::copy_from_slice(value.as_bytes()));
    let command = write(app, &key, &head.headers, Some(value))?;
    ask(app, KeyRequest { key, token, command }).await
}

pub(super) async fn delete(app: &App, head: &Parts, Parsed { key, body }: Parsed) -> Result<Response, HttpError> {
    let token = open_token(&app.tokens, parse_object::<KeyBody>(&body)?.metadata)?;
    let command = write(app, &key, &head.headers, None)?;
    ask(app, KeyRequest { key, token, command }).await
}

fn write(app: &App, key: &Key, headers: &HeaderMap, value: Option<Value>) -> Result<Command, HttpError> {
    let config = app.handle.config();
    let members = config.replicas(config.shard_of(key)).count();
    Ok(Command::Write {
        value,
        operation: write_headers::operation(headers)?,
        write_concern: write_headers::write_concern(headers, members)?,
    })
}

/// What the session has seen. Missing, `null`, `""` and `{}` all mean: nothing yet.
fn open_token(keys: &TokenKeys, metadata: Option<&RawValue>) -> Result<Token, HttpError> {
    let text = metadata.map_or("null", RawValue::get);
    let is_empty_object =
        || text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).is_some_and(|inner| inner.trim().is_empty());
    if matches!(text, "null" | r#""""#) || is_empty_object() {
        return Ok(Token::default());
    }
    let Text(sealed) = serde_json::from_str(text).map_err(|_| HttpError::MetadataType)?;
    Ok(keys.open(&sealed)?)
}

async fn ask(app: &App, request: KeyRequest) -> Result<Response, HttpError> {
    match app.handle.ask(Request::Key(request)).await? {
        Answer::Key(answer) => Ok(respond(app, &answer)),
        // Answers come from peers too. One of another kind says nothing about what was done.
        Answer::Count(_) | Answer::Sizes(_) | Answer::Changed | Answer::AlreadySo => Err(Refusal::OutcomeUnknown.into()),
    }
}

fn respond(app: &App, answer: &KeyAnswer) -> Response {
    let (status, said, value) = match &answer.outcome {
        Outcome::Found(value) => (StatusCode::OK, r#""result":"found","value":"#, text_of(value)),
        Outcome::Absent => (StatusCode::NOT_FOUND, r#""error":"Key does not exist""#, Cow::default()),
        Outcome::Created => (StatusCode::CREATED, r#""result":"created""#, Cow::default()),
        Outcome::Replaced => (StatusCode::OK, r#""result":"replaced""#, Cow::default()),
        Outcome::Deleted => (StatusCode::OK, r#""result":"deleted""#, Cow::default()),
    };
    let sealed = app.tokens.seal(&answer.token);
    app.metrics.saw_token(sealed.len());
    let shard = answer.shard.to_string();
    // By hand, since a value's text must not be parsed again. Neither base64url nor a shard's name needs escaping.
    let parts: [&[u8]; 8] = [
        b"{",
        said.as_bytes(),
        &value,
        br#","causal-metadata":""#,
        sealed.as_bytes(),
        br#"","shard-id":""#,
        shard.as_bytes(),
        br#""}"#,
    ];
    let mut response = Response::new(Body::from(parts.concat()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if answer.has_gap {
        response.headers_mut().insert(CAUSAL_GAP, HeaderValue::from_static("evicted"));
    }
    response
}
