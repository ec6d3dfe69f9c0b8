//! A client's requests of the course dialect, and its reading of the answers. Causal metadata is a string that comes and goes.

use axum::http::{Method, Request, Response};
use bytes::Bytes;
use causeway::{
    http::key_path,
    store::{Key, OperationId},
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    checker::Answer,
    history::{Kind, OpId},
};

/// One request of a client on a key.
#[derive(Debug, Clone)]
pub struct KeyCall {
    /// Which key.
    pub key: Key,
    /// What.
    pub kind: Kind,
    /// For puts, the value as JSON text.
    pub value: String,
    /// The newest causal metadata that the session has.
    pub token: Option<String>,
    /// The name under which the write is retried.
    pub name: Option<String>,
    /// On how many members the write must be durable.
    pub write_concern: u8,
}

impl KeyCall {
    /// A call that writes nothing.
    pub fn get(key: Key, token: Option<String>) -> Self {
        Self { key, kind: Kind::Get, value: String::new(), token, name: None, write_concern: 1 }
    }

    /// The id under which the store keeps the call's name.
    pub fn idempotency(&self) -> Option<OperationId> {
        self.name.as_ref().map(|name| OperationId::of(name.as_bytes()))
    }

    /// It as an HTTP request.
    ///
    /// # Panics
    /// On a name that is no header value.
    pub fn request(&self) -> Request<Bytes> {
        let method = match self.kind {
            Kind::Get => Method::GET,
            Kind::Put => Method::PUT,
            Kind::Delete => Method::DELETE,
        };
        let token = self.token.as_deref().map_or_else(|| "null".to_owned(), |token| json!(token).to_string());
        let body = match self.kind {
            Kind::Put => format!(r#"{{"value":{},"causal-metadata":{token}}}"#, self.value),
            Kind::Get | Kind::Delete => format!(r#"{{"causal-metadata":{token}}}"#),
        };
        let mut request = Request::builder().method(method).uri(key_path(&self.key));
        if let Some(name) = &self.name {
            request = request.header("idempotency-key", name);
        }
        if self.write_concern > 1 {
            request = request.header("write-concern", self.write_concern.to_string());
        }
        request.body(body.into()).expect("a request made of legal parts")
    }
}

/// What an answer says.
pub fn read(response: &Response<Bytes>) -> Answer {
    #[derive(Deserialize, Default)]
    struct Body {
        result: Option<String>,
        error: Option<String>,
        value: Option<Written>,
        #[serde(rename = "causal-metadata")]
        token: Option<String>,
    }
    #[derive(Deserialize)]
    struct Written {
        op: OpId,
    }
    let body: Body = serde_json::from_slice(response.body()).unwrap_or_default();
    Answer {
        status: response.status().as_u16(),
        text: body.result.or(body.error).unwrap_or_default(),
        found: body.value.map(|value| value.op),
        token: body.token,
    }
}

/// A token with one character changed.
pub fn forge(token: &str, place: usize) -> String {
    let place = place % token.len().max(1);
    let other = |old: char| if old == 'A' { 'B' } else { 'A' };
    token.chars().enumerate().map(|(at, old)| if at == place { other(old) } else { old }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_carries_its_headers_and_the_metadata_as_it_came() {
        let call = KeyCall {
            kind: Kind::Put,
            value: OpId(3).value(0),
            name: Some("c1-3".to_owned()),
            write_concern: 2,
            ..KeyCall::get("k 1".into(), Some("to\"ken".to_owned()))
        };
        let request = call.request();
        assert_eq!(request.uri(), "/kvs/k%201");
        assert_eq!(request.headers()["idempotency-key"], "c1-3");
        assert_eq!(request.headers()["write-concern"], "2");
        assert_eq!(request.body(), r#"{"value":{"op":3},"causal-metadata":"to\"ken"}"#);
    }

    #[test]
    fn an_answer_is_read_to_the_operation_that_wrote_the_value() {
        let body = r#"{"result":"found","value":{"op":7,"pad":"xx"},"causal-metadata":"t","shard-id":"s0"}"#;
        let answer = read(&Response::new(Bytes::from(body)));
        assert_eq!((answer.status, answer.text.as_str(), answer.found), (200, "found", Some(OpId(7))));
        assert_eq!(answer.token.as_deref(), Some("t"));
    }

    #[test]
    fn a_forged_token_differs_in_one_character() {
        for place in 0..4 {
            let forged = forge("ABCA", place);
            assert_eq!(forged.chars().zip("ABCA".chars()).filter(|(a, b)| a != b).count(), 1);
        }
    }
}
