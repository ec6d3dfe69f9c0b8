//! JSON objects in request bodies, and values in answers.
//!
//! serde_json bounds nesting where it builds values, not where it passes over text. Values are kept as text here, so the bound is
//! checked first, over the whole body. A member that is given twice is refused: two readers of one body might believe different ones.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::value::RawValue;
use thiserror::Error;

use crate::store::{ContentType, Value};

/// The deepest nesting of arrays and objects in a body, its own object included.
pub const MAX_DEPTH: usize = 128;

/// Why a body is not the object that is expected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JsonError {
    /// Not UTF-8, or not JSON, or a member twice.
    #[error("Malformed JSON: {0}")]
    Malformed(String),
    /// Deeper than [`MAX_DEPTH`].
    #[error("JSON is nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
    /// Some other JSON value.
    #[error("Body must be a JSON object")]
    NotAnObject,
}

/// The object in a body. An empty body, `null` and `""` stand for an object without members.
pub(super) fn parse_object<'a, T: Deserialize<'a> + Default>(body: &'a [u8]) -> Result<T, JsonError> {
    let text = str::from_utf8(body).map_err(|_| JsonError::Malformed("not UTF-8".to_owned()))?;
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    if matches!(text, "" | "null" | r#""""#) {
        return Ok(T::default());
    }
    if exceeds_depth(text) {
        return Err(JsonError::TooDeep);
    }
    let malformed = |error: serde_json::Error| JsonError::Malformed(error.to_string());
    if !text.starts_with('{') {
        serde_json::from_str::<IgnoredAny>(text).map_err(malformed)?;
        return Err(JsonError::NotAnObject);
    }
    serde_json::from_str(text).map_err(malformed)
}

/// For members where `null` is a value like any other.
pub(super) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// A value as JSON text: as it was put, and bytes, which have no form of their own in JSON, in base64.
pub(super) fn text_of(value: &Value) -> Cow<'_, [u8]> {
    match value.content_type {
        ContentType::Json => Cow::Borrowed(&value.bytes),
        ContentType::Bytes => Cow::Owned(format!(r#""{}""#, STANDARD.encode(&value.bytes)).into_bytes()),
    }
}

fn exceeds_depth(text: &str) -> bool {
    let mut depth = 0usize;
    let mut in_string = false;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => drop(bytes.next()),
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> String {
        format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels))
    }

    #[test]
    fn depth_counts_brackets_outside_of_strings() {
        assert!(!exceeds_depth(&nested(MAX_DEPTH)));
        assert!(exceeds_depth(&nested(MAX_DEPTH + 1)));
        assert!(!exceeds_depth(&format!(r#"["{}\"{}"]"#, "[".repeat(500), "{".repeat(500))));
        assert!(!exceeds_depth(&format!("[{}0]", "[],".repeat(500))));
    }
}
