//! The file of clients' tokens: one `ROLE SHA256` a line, `#` begins a comment. ROLE is `read`, `write` or `admin`, SHA256 the hash of
//! the token in hex, as `printf %s TOKEN | sha256sum` says it. The tokens themselves are with the clients alone.

use ring::digest::SHA256_OUTPUT_LEN;
use thiserror::Error;

use crate::http::{ClientTokens, Role};

/// Why a file of tokens is refused. Lines are numbered from 1; what is in them is never shown.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TokenFileError {
    /// No line with a token.
    #[error("the file holds no token")]
    NoToken,
    /// A line that is not two words of which the first is a role.
    #[error("line {0}: `ROLE SHA256` is needed, with a ROLE of read, write or admin")]
    BadLine(usize),
    /// A hash that is none: it might be a token, which has no place here.
    #[error("line {0}: a hash is 64 hex digits, as `printf %s TOKEN | sha256sum` says it")]
    BadHash(usize),
}

/// Reads the text of a file of tokens.
///
/// # Errors
/// What is wrong, and in which line.
pub fn parse_client_tokens(text: &str) -> Result<ClientTokens, TokenFileError> {
    let mut tokens = ClientTokens::default();
    let mut count = 0;
    for (line, content) in (1..).zip(text.lines()) {
        let mut words = content.split('#').next().unwrap_or_default().split_whitespace();
        let Some(name) = words.next() else { continue };
        let role = Role::ALL.into_iter().find(|role| role.to_string() == name).ok_or(TokenFileError::BadLine(line))?;
        let (Some(hash), None) = (words.next(), words.next()) else { return Err(TokenFileError::BadLine(line)) };
        tokens.add(role, parse_hash(hash).ok_or(TokenFileError::BadHash(line))?);
        count += 1;
    }
    if count == 0 { Err(TokenFileError::NoToken) } else { Ok(tokens) }
}

/// A line of the file, for a token.
pub(super) fn token_line(role: Role, token: &str) -> String {
    let hash = ClientTokens::hash(token.as_bytes());
    format!("{role} {}\n", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn parse_hash(text: &str) -> Option<[u8; SHA256_OUTPUT_LEN]> {
    if text.len() != 2 * SHA256_OUTPUT_LEN || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut hash = [0; SHA256_OUTPUT_LEN];
    for (place, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_as_other_programs_say_it() {
        let line = token_line(Role::Write, "abc");
        assert_eq!(line, "write ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n");
        assert!(parse_client_tokens(&format!("# tokens\n\n{line}{line} # again")).is_ok());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_without_its_text() {
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        for (text, error) in [
            ("# nothing\n".to_owned(), TokenFileError::NoToken),
            (format!("\nroot {hash}"), TokenFileError::BadLine(2)),
            ("read".to_owned(), TokenFileError::BadLine(1)),
            (format!("read {hash} x"), TokenFileError::BadLine(1)),
            ("read s3cret".to_owned(), TokenFileError::BadHash(1)),
            (format!("read {}", hash.replace('b', "g")), TokenFileError::BadHash(1)),
        ] {
            let refused = parse_client_tokens(&text).expect_err("refused");
            assert!(!refused.to_string().contains("s3cret"));
            assert_eq!(refused, error, "{text}");
        }
    }
}
