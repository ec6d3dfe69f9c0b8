//! Keys in paths.
//!
//! A key is the one path segment after `/kvs/`, percent-encoded. It is decoded here, once, from the segment as it was sent: the
//! decoding of routers would refuse or merge what is a legal key (`%2e%2e%2f` is the key `../`). A key never becomes a file name.

use thiserror::Error;

use crate::store::{Key, MAX_KEY_CHARS};

/// Where keys are in paths.
pub const KEY_PREFIX: &str = "/kvs/";

/// Why a path segment is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Nothing after the prefix.
    #[error("Key is empty")]
    Empty,
    /// A `/` that is not percent-encoded.
    #[error("Key contains a raw '/'")]
    RawSlash,
    /// A `%` that two hexadecimal digits do not follow.
    #[error("Key has a malformed percent-encoding")]
    Escape,
    /// The decoded bytes are no UTF-8.
    #[error("Key is not UTF-8")]
    NotUtf8,
    /// A NUL character.
    #[error("Key contains NUL")]
    Nul,
    /// More than [`MAX_KEY_CHARS`] characters.
    #[error("Key is too long")]
    TooLong,
}

/// The key in a path segment as it was sent.
///
/// # Errors
/// A segment that is no key.
pub fn decode_key(segment: &str) -> Result<Key, KeyError> {
    if segment.is_empty() {
        return Err(KeyError::Empty);
    }
    if segment.contains('/') {
        return Err(KeyError::RawSlash);
    }
    let bytes = unescape(segment.as_bytes()).ok_or(KeyError::Escape)?;
    let key = str::from_utf8(&bytes).map_err(|_| KeyError::NotUtf8)?;
    if key.contains('\0') {
        return Err(KeyError::Nul);
    }
    if key.chars().count() > MAX_KEY_CHARS {
        return Err(KeyError::TooLong);
    }
    Ok(key.into())
}

/// The path of a key.
pub fn key_path(key: &str) -> String {
    let mut path = String::from(KEY_PREFIX);
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => path.push(char::from(byte)),
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}

fn unescape(mut segment: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(segment.len());
    while let [first, rest @ ..] = segment {
        segment = rest;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, rest @ ..] = segment else { return None };
        bytes.push(hex_digit(*high)? << 4 | hex_digit(*low)?);
        segment = rest;
    }
    Some(bytes)
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn judges_segments() {
        let long = "ß".repeat(MAX_KEY_CHARS);
        for (segment, expected) in [
            ("a", Ok("a")),
            ("a+b", Ok("a+b")),
            ("%2e%2e%2F", Ok("../")),
            ("%C3%9f", Ok("ß")),
            ("..", Ok("..")),
            (long.as_str(), Ok(long.as_str())),
            ("", Err(KeyError::Empty)),
            ("a/b", Err(KeyError::RawSlash)),
            ("a/", Err(KeyError::RawSlash)),
            ("%", Err(KeyError::Escape)),
            ("%2", Err(KeyError::Escape)),
            ("%+1", Err(KeyError::Escape)),
            ("%ff", Err(KeyError::NotUtf8)),
            ("a%00", Err(KeyError::Nul)),
            (&"a".repeat(MAX_KEY_CHARS + 1), Err(KeyError::TooLong)),
        ] {
            assert_eq!(decode_key(segment), expected.map(Key::from), "{segment}");
        }
    }

    proptest! {
        #[test]
        fn every_key_comes_back_from_its_path(key in "[^\0]{1,50}") {
            let path = key_path(&key);
            prop_assert!(path.parse::<axum::http::Uri>().is_ok());
            prop_assert_eq!(&*decode_key(path.strip_prefix(KEY_PREFIX).unwrap()).unwrap(), key.as_str());
        }
    }
}
