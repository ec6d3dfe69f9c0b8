//! The token's wire form: what clients carry as opaque text.
//!
//! version, key id, epoch, floor, n, n times (actor, hlc - floor), all as LEB128 varints, then 8 bytes of SipHash-2-4 under the
//! cluster's key, over the cluster's id and all before (Aumasson and Bernstein, INDOCRYPT 2012); base64url without padding.
//! Entries are sorted by actor and actors are written as differences. At most [`WIRE_BYTES_CAP`] bytes before base64, whatever the
//! number of keys and shards.

use std::{borrow::Cow, hash::Hasher};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use siphasher::sip::SipHasher24;
use subtle::ConstantTimeEq;
use thiserror::Error;

use super::{Dot, ENTRY_CAP, Hlc, Token};
use crate::{
    id::{ActorId, Epoch},
    mutant::{Mutant, planted},
};

/// The most bytes of a token before base64.
pub const WIRE_BYTES_CAP: usize = 787;

/// A token of six nodes under load has no more.
const USUAL_BYTES: usize = 64;
const VERSION: u8 = 1;
const MAC_BYTES: usize = 8;
/// The fixed public key that is used when no key file is given: guards against damage, not against forgery.
const PUBLIC_KEY: TokenKey = TokenKey { id: 0, secret: *b"causeway-public!" };

/// Why a text is no token of this cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenError {
    /// Not base64url, cut short, too long, or with bytes left over.
    #[error("malformed causal metadata")]
    Malformed,
    /// A wire version that this build does not know.
    #[error("unknown version of causal metadata")]
    UnknownVersion,
    /// The MAC does not fit: damaged, forged, or of another cluster.
    #[error("causal metadata was not issued by this cluster")]
    BadMac,
}

/// One MAC key with its id.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenKey {
    /// Written into each token, so that old keys can stay accepted.
    pub id: u8,
    /// The SipHash key.
    pub secret: [u8; 16],
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenKey {{ id: {}, secret: .. }}", self.id)
    }
}

/// The keys of a cluster: one that seals, any number that are accepted.
#[derive(Debug, Clone)]
pub struct TokenKeys {
    cluster: u64,
    sealing: TokenKey,
    accepted: Vec<TokenKey>,
}

impl Default for TokenKeys {
    /// The fixed public key alone.
    fn default() -> Self {
        Self::new(PUBLIC_KEY, Vec::new())
    }
}

impl TokenKeys {
    /// Seals with one key; accepts it and all the others.
    pub fn new(sealing: TokenKey, others: Vec<TokenKey>) -> Self {
        let mut accepted = vec![sealing.clone()];
        accepted.extend(others);
        Self { cluster: 0, sealing, accepted }
    }

    /// The same keys for one cluster: a token of another is refused, although both may use the public key.
    pub fn of_cluster(self, cluster: u64) -> Self {
        Self { cluster, ..self }
    }

    /// The text that a client carries. A token over [`ENTRY_CAP`] entries or over the byte cap is folded until it fits.
    pub fn seal(&self, token: &Token) -> String {
        let mut folded = Cow::Borrowed(token);
        if token.entries().len() > ENTRY_CAP {
            folded.to_mut().fold_to(ENTRY_CAP);
        }
        let mut bytes = self.encode(&folded);
        while bytes.len() + MAC_BYTES > WIRE_BYTES_CAP {
            let cap = folded.entries().len() - 1;
            folded.to_mut().fold_to(cap);
            bytes = self.encode(&folded);
        }
        bytes.extend(self.mac(&self.sealing, &bytes));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The token in a client's text.
    ///
    /// # Errors
    /// Anything that [`seal`](Self::seal) under an accepted key did not write.
    pub fn open(&self, text: &str) -> Result<Token, TokenError> {
        if text.len() > WIRE_BYTES_CAP.div_ceil(3) * 4 {
            return Err(TokenError::Malformed);
        }
        let mut buffer = [0; WIRE_BYTES_CAP.div_ceil(3) * 3];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut buffer).map_err(|_| TokenError::Malformed)?;
        let bytes = &buffer[..length];
        let body_bytes = bytes.len().checked_sub(MAC_BYTES).ok_or(TokenError::Malformed)?;
        let (body, tag) = bytes.split_at(body_bytes);
        let [version, key_id, fields @ ..] = body else { return Err(TokenError::Malformed) };
        if *version != VERSION {
            return Err(TokenError::UnknownVersion);
        }
        let key = self.accepted.iter().find(|key| key.id == *key_id).ok_or(TokenError::BadMac)?;
        if !bool::from(self.mac(key, body).ct_eq(tag)) && !planted(Mutant::MacNotChecked) {
            return Err(TokenError::BadMac);
        }
        decode_fields(fields).ok_or(TokenError::Malformed)
    }

    fn mac(&self, key: &TokenKey, body: &[u8]) -> [u8; MAC_BYTES] {
        let mut hasher = SipHasher24::new_with_key(&key.secret);
        hasher.write(&self.cluster.to_le_bytes());
        hasher.write(body);
        hasher.finish().to_le_bytes()
    }

    fn encode(&self, token: &Token) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(USUAL_BYTES);
        bytes.extend([VERSION, self.sealing.id]);
        let epoch = token.epoch();
        for number in [epoch.generation.into(), epoch.number.into(), token.floor().0, token.entries().len() as u64] {
            put_varint(&mut bytes, number);
        }
        let mut previous = 0;
        for dot in token.entries() {
            put_varint(&mut bytes, u64::from(dot.actor.0) - previous);
            put_varint(&mut bytes, dot.hlc.0 - token.floor().0);
            previous = dot.actor.0.into();
        }
        bytes
    }
}

fn decode_fields(mut bytes: &[u8]) -> Option<Token> {
    let bytes = &mut bytes;
    let generation = take_varint(bytes)?.try_into().ok()?;
    let number = take_varint(bytes)?.try_into().ok()?;
    let floor = take_varint(bytes)?;
    let count = take_varint(bytes)?;
    let mut entries = Vec::new();
    let mut previous = 0u64;
    for i in 0..count {
        let step = take_varint(bytes)?;
        let actor = previous.checked_add(step).filter(|_| i == 0 || step > 0)?;
        let above = take_varint(bytes)?;
        let hlc = floor.checked_add(above).filter(|_| above > 0)?;
        entries.push(Dot { actor: ActorId(actor.try_into().ok()?), hlc: Hlc(hlc) });
        previous = actor;
    }
    bytes.is_empty().then(|| Token::from_parts(Epoch { generation, number }, Hlc(floor), entries))
}

fn put_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(first & 0x7f);
        if part << shift >> shift != part {
            return None;
        }
        number |= part << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
