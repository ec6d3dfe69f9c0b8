//! Clients' tokens. Only their hashes are known here: who reads the file, or this process's memory, has no token.

use std::fmt;

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use subtle::{Choice, ConstantTimeEq};

/// What the header begins with that holds a token.
pub(super) const BEARER: &[u8] = b"Bearer ";

/// What whoever has a token may do. Each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look.
    Read,
    /// Write keys.
    Write,
    /// Change the cluster.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        })
    }
}

/// Whose requests are taken.
#[derive(Clone, Default)]
pub struct ClientTokens(Vec<(Role, [u8; SHA256_OUTPUT_LEN])>);

impl fmt::Debug for ClientTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientTokens({})", self.0.len())
    }
}

impl ClientTokens {
    /// What is kept of a token. Tokens are drawn at random and long, so that a plain hash cannot be turned back.
    pub fn hash(token: &[u8]) -> [u8; SHA256_OUTPUT_LEN] {
        let mut hash = [0; SHA256_OUTPUT_LEN];
        hash.copy_from_slice(digest(&SHA256, token).as_ref());
        hash
    }

    /// Takes requests with the token that has this hash.
    pub fn add(&mut self, role: Role, hash: [u8; SHA256_OUTPUT_LEN]) {
        self.0.push((role, hash));
    }

    /// The strongest role of a token. Takes as long for each token, whatever it is.
    pub(super) fn role_of(&self, token: &[u8]) -> Option<Role> {
        let hash = Self::hash(token);
        let has = |role| {
            let of_role = self.0.iter().filter(|(of, _)| *of == role);
            bool::from(of_role.fold(Choice::from(0), |found, (_, known)| found | known.ct_eq(&hash)))
        };
        Role::ALL.map(|role| has(role).then_some(role)).into_iter().max().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_its_strongest_role_and_others_have_none() {
        let mut tokens = ClientTokens::default();
        assert_eq!(tokens.role_of(b""), None);
        for (role, token) in [(Role::Read, "reader"), (Role::Admin, "both"), (Role::Write, "both"), (Role::Write, "writer")] {
            tokens.add(role, ClientTokens::hash(token.as_bytes()));
        }
        for (token, role) in [
            ("reader", Some(Role::Read)),
            ("writer", Some(Role::Write)),
            ("both", Some(Role::Admin)),
            ("Reader", None),
            ("reader ", None),
            ("", None),
        ] {
            assert_eq!(tokens.role_of(token.as_bytes()), role, "{token:?}");
        }
    }
}
