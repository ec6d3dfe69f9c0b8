//! `/kvs/<key>`: put, get and delete of one key.
//!
//! Everything that makes a request illegal is decided here, before the node hears of it. Values stay JSON text from the body to the
//! store and back, so that type and content come back unchanged.

use std::{borrow::Cow, sync::Arc};

use axum::{
    extract::{Request as HttpRequest, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    App, body,
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
struct Parsed {
    key: Key,
    headers: HeaderMap,
    body: Bytes,
}

pub(super) async fn get(State(app): State<Arc<App>>, request: HttpRequest) -> Result<Response, HttpError> {
    let parsed = parse(&app, request).await?;
    let token = open_token(&app.tokens, parse_object::<KeyBody>(&parsed.body)?.metadata)?;
    ask(&app, KeyRequest { key: parsed.key, token, command: Command::Get }).await
}

pub(super) async fn put(State(app): State<Arc<App>>, request: HttpRequest) -> Result<Response, HttpError> {
    let parsed = parse(&app, request).await?;
    let members: KeyBody = parse_object(&parsed.body)?;
    let value = members.value.ok_or(HttpError::NoValue)?.get();
    let token = open_token(&app.tokens, members.metadata)?;
    let limit_bytes = app.limits.max_value_bytes;
    if value.len() > limit_bytes {
        return Err(HttpError::ValueTooLarge { limit_bytes });
    }
    // Copied: a slice would keep the whole body alive for as long as the value.
    let value = Value::json(Bytes::copy_from_slice(value.as_bytes()));
    let command = write(&app, &parsed, Some(value))?;
    ask(&app, KeyRequest { key: parsed.key, token, command }).await
}

pub(super) async fn delete(State(app): State<Arc<App>>, request: HttpRequest) -> Result<Response, HttpError> {
    let parsed = parse(&app, request).await?;
    let token = open_token(&app.tokens, parse_object::<KeyBody>(&parsed.body)?.metadata)?;
    let command = write(&app, &parsed, None)?;
    ask(&app, KeyRequest { key: parsed.key, token, command }).await
}

/// The body is read before the key is judged, so that an answer does not meet a client that is still sending.
async fn parse(app: &App, request: HttpRequest) -> Result<Parsed, HttpError> {
    let (head, body) = request.into_parts();
    let body = body::read(&head.headers, body, app.limits.max_value_bytes).await;
    let segment = head.uri.path().strip_prefix(KEY_PREFIX).ok_or(KeyError::Empty)?;
    Ok(Parsed { key: decode_key(segment)?, headers: head.headers, body: body? })
}

fn write(app: &App, parsed: &Parsed, value: Option<Value>) -> Result<Command, HttpError> {
    let config = app.handle.config();
    let members = config.replicas(config.shard_of(&parsed.key)).count();
    Ok(Command::Write {
        value,
        operation: write_headers::operation(&parsed.headers)?,
        write_concern: write_headers::write_concern(&parsed.headers, members)?,
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
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let mut response = (status, json, parts.concat()).into_response();
    if answer.has_gap {
        response.headers_mut().insert(CAUSAL_GAP, HeaderValue::from_static("evicted"));
    }
    response
}
