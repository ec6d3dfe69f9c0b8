//! Where a node listens for its peers, when only its clients' address is known.

use thiserror::Error;

/// How far the peers' port is from the clients'.
const PEER_PORT_OFFSET: u16 = 10_000;
/// Above this port the offset is subtracted.
const PORT_LIMIT: u16 = 55_535;

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressError {
    /// No colon.
    #[error("{0:?} is no address: HOST:PORT is needed")]
    NoPort(String),
    /// Nothing, or something that no host is called, before the colon.
    #[error("{0:?} is no address: its host is missing or malformed")]
    BadHost(String),
    /// Not a number from 1 to 65535 after the colon.
    #[error("{0:?} is no address: its port must be from 1 to 65535")]
    BadPort(String),
}

/// Splits `HOST:PORT`. A host is a name, an IPv4 address or an IPv6 address in brackets.
///
/// # Errors
/// What is wrong with the text.
pub fn split_address(address: &str) -> Result<(&str, u16), AddressError> {
    let (host, port) = address.rsplit_once(':').ok_or_else(|| AddressError::NoPort(address.to_owned()))?;
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let good = match bracketed {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)),
    };
    if !good {
        return Err(AddressError::BadHost(address.to_owned()));
    }
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(port) if digits && port != 0 => Ok((host, port)),
        _ => Err(AddressError::BadPort(address.to_owned())),
    }
}

/// The peers' address that goes with a clients' address: 10000 ports higher, or lower where there are none.
///
/// # Errors
/// What is wrong with the clients' address.
pub fn peer_address(client_address: &str) -> Result<String, AddressError> {
    let (host, port) = split_address(client_address)?;
    let port = if port <= PORT_LIMIT { port + PEER_PORT_OFFSET } else { port - PEER_PORT_OFFSET };
    Ok(format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peers_port_is_ten_thousand_away() {
        assert_eq!(peer_address("10.0.0.1:8090").as_deref(), Ok("10.0.0.1:18090"));
        assert_eq!(peer_address("node-3.local:55535").as_deref(), Ok("node-3.local:65535"));
        assert_eq!(peer_address("[::1]:55536").as_deref(), Ok("[::1]:45536"));
    }

    #[test]
    fn what_is_no_address_is_named() {
        for (text, error) in [
            ("10.0.0.1", AddressError::NoPort("10.0.0.1".to_owned())),
            (":80", AddressError::BadHost(":80".to_owned())),
            ("::1:80", AddressError::BadHost("::1:80".to_owned())),
            ("a b:80", AddressError::BadHost("a b:80".to_owned())),
            ("a:", AddressError::BadPort("a:".to_owned())),
            ("a:0", AddressError::BadPort("a:0".to_owned())),
            ("a:+80", AddressError::BadPort("a:+80".to_owned())),
            ("a:65536", AddressError::BadPort("a:65536".to_owned())),
        ] {
            assert_eq!(split_address(text), Err(error));
        }
    }
}
