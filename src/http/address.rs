//! Addresses of nodes in request bodies: `IP:PORT` or `HOST:PORT`.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::value::RawValue;
use thiserror::Error;

/// Why a member is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AddressError {
    /// There is none.
    #[error("socket-address is missing")]
    Missing,
    /// It is no string, or no address.
    #[error("socket-address must be a string IP:PORT or HOST:PORT")]
    Malformed,
}

/// The address in the member `socket-address`.
pub(super) fn parse_address(member: Option<&RawValue>) -> Result<String, AddressError> {
    let text = member.ok_or(AddressError::Missing)?.get();
    let address: String = serde_json::from_str(text).map_err(|_| AddressError::Malformed)?;
    if is_address(&address) { Ok(address) } else { Err(AddressError::Malformed) }
}

fn is_address(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| is_host(host) && is_port(port))
}

/// One port has one spelling, since addresses are compared as text.
fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port > 0 && port.to_string() == text)
}

fn is_host(text: &str) -> bool {
    if let Some(bracketed) = text.strip_prefix('[') {
        return bracketed.strip_suffix(']').is_some_and(|ip| ip.parse::<Ipv6Addr>().is_ok());
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return text.parse::<Ipv4Addr>().is_ok();
    }
    text.len() <= 253 && text.split('.').all(is_label)
}

fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=63).contains(&text.len()) && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_addresses() {
        for address in ["10.10.0.2:8090", "localhost:1", "node_1.cluster.local:65535", "[::1]:80"] {
            assert!(is_address(address), "{address}");
        }
        for text in [
            "",
            ":",
            "a",
            "a:",
            ":1",
            "a:0",
            "a:65536",
            "a:08",
            "a:+8",
            "1.2.3:80",
            "256.1.1.1:80",
            "::1:80",
            "[::1:80",
            "[x]:80",
            "a b:80",
            "a..b:80",
            "-a:80",
            "a:80/",
            "http://a:80",
            "a\n:80",
        ] {
            assert!(!is_address(text), "{text}");
        }
    }
}
