//! The file of token keys: one `ID:KEY` a line, `#` begins a comment. ID is from 0 to 255, KEY 16 bytes in hex or base64. The first key
//! seals new tokens; all are accepted, so that a key can be replaced while its tokens are still about.

use base64::{Engine, engine::general_purpose::STANDARD};
use thiserror::Error;

use crate::clock::{TokenKey, TokenKeys};

const SECRET_BYTES: usize = 16;

/// Why a key file is refused. Lines are numbered from 1; keys are never shown.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyFileError {
    /// No line with a key.
    #[error("the file holds no key")]
    NoKey,
    /// A line without a colon, or whose ID is not from 0 to 255.
    #[error("line {0}: `ID:KEY` is needed, with an ID from 0 to 255")]
    BadLine(usize),
    /// A key that is not 16 bytes in hex or base64.
    #[error("line {0}: a key is 16 bytes, as 32 hex digits or in base64")]
    BadKey(usize),
    /// An ID that an earlier line has.
    #[error("line {line}: ID {id} is used twice")]
    DuplicateId {
        /// The later one.
        line: usize,
        /// The ID.
        id: u8,
    },
}

/// Reads a key file's text.
///
/// # Errors
/// What is wrong, and in which line.
pub fn parse_token_keys(text: &str) -> Result<TokenKeys, KeyFileError> {
    let mut keys: Vec<TokenKey> = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        let content = content.split('#').next().unwrap_or_default().trim();
        if content.is_empty() {
            continue;
        }
        let (id, secret) = content.split_once(':').ok_or(KeyFileError::BadLine(line))?;
        let id = id.trim().parse().map_err(|_| KeyFileError::BadLine(line))?;
        let secret = parse_secret(secret.trim()).ok_or(KeyFileError::BadKey(line))?;
        if keys.iter().any(|key| key.id == id) {
            return Err(KeyFileError::DuplicateId { line, id });
        }
        keys.push(TokenKey { id, secret });
    }
    let mut keys = keys.into_iter();
    let sealing = keys.next().ok_or(KeyFileError::NoKey)?;
    Ok(TokenKeys::new(sealing, keys.collect()))
}

fn parse_secret(text: &str) -> Option<[u8; SECRET_BYTES]> {
    if text.len() == 2 * SECRET_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let mut secret = [0; SECRET_BYTES];
        for (place, byte) in secret.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
        }
        return Some(secret);
    }
    STANDARD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Token;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f";

    #[test]
    fn the_first_key_seals_and_all_are_accepted() {
        let base64 = STANDARD.encode([9; SECRET_BYTES]);
        let old = parse_token_keys(&format!("7:{HEX}")).expect("one key");
        let new = parse_token_keys(&format!("# rotated\n8: {base64} # now\n\n7:{HEX}\n")).expect("two keys");
        let token = Token::default();
        assert!(new.open(&old.seal(&token)).is_ok());
        assert!(new.open(&new.seal(&token)).is_ok());
        assert!(old.open(&new.seal(&token)).is_err());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, error) in [
            ("# nothing".to_owned(), KeyFileError::NoKey),
            (HEX.to_owned(), KeyFileError::BadLine(1)),
            (format!("\n256:{HEX}"), KeyFileError::BadLine(2)),
            (format!("1:{}", &HEX[1..]), KeyFileError::BadKey(1)),
            (format!("1:{HEX}\n1:{HEX}"), KeyFileError::DuplicateId { line: 2, id: 1 }),
        ] {
            assert_eq!(parse_token_keys(&text).err(), Some(error), "{text}");
        }
    }
}
