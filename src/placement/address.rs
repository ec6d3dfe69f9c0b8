//! `HOST:PORT`, a node's identity in views. Compared as text, so one address has one spelling of its port.

use std::net::{Ipv4Addr, Ipv6Addr};

use thiserror::Error;

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressError {
    /// No colon.
    #[error("{0:?} is no address: HOST:PORT is needed")]
    NoPort(String),
    /// What is before the colon is no IPv4 address, no IPv6 address in brackets and no host name.
    #[error("{0:?} is no address: its host is missing or malformed")]
    BadHost(String),
    /// What is after the colon is no number from 1 to 65535, or one with a sign or leading zeros.
    #[error("{0:?} is no address: its port must be from 1 to 65535")]
    BadPort(String),
}

/// Splits an address into host and port.
///
/// # Errors
/// What is wrong with the text.
pub fn split_address(text: &str) -> Result<(&str, u16), AddressError> {
    let (host, port) = text.rsplit_once(':').ok_or_else(|| AddressError::NoPort(text.to_owned()))?;
    if !is_host(host) {
        return Err(AddressError::BadHost(text.to_owned()));
    }
    let number = port.parse::<u16>().ok().filter(|number| *number > 0 && number.to_string() == port);
    Ok((host, number.ok_or_else(|| AddressError::BadPort(text.to_owned()))?))
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
    fn what_is_no_address_is_told_why() {
        for (text, error) in [
            ("10.0.0.1", AddressError::NoPort("10.0.0.1".to_owned())),
            (":80", AddressError::BadHost(":80".to_owned())),
            ("::1:80", AddressError::BadHost("::1:80".to_owned())),
            ("[x]:80", AddressError::BadHost("[x]:80".to_owned())),
            ("1.2.3:80", AddressError::BadHost("1.2.3:80".to_owned())),
            ("a b:80", AddressError::BadHost("a b:80".to_owned())),
            ("-a:80", AddressError::BadHost("-a:80".to_owned())),
            ("a..b:80", AddressError::BadHost("a..b:80".to_owned())),
            ("a:", AddressError::BadPort("a:".to_owned())),
            ("a:0", AddressError::BadPort("a:0".to_owned())),
            ("a:+80", AddressError::BadPort("a:+80".to_owned())),
            ("a:080", AddressError::BadPort("a:080".to_owned())),
            ("a:65536", AddressError::BadPort("a:65536".to_owned())),
        ] {
            assert_eq!(split_address(text), Err(error));
        }
    }

    #[test]
    fn an_address_is_split_at_its_last_colon() {
        for (text, parts) in [
            ("10.10.0.2:8090", ("10.10.0.2", 8090)),
            ("node_1.cluster.local:65535", ("node_1.cluster.local", 65_535)),
            ("[::1]:80", ("[::1]", 80)),
        ] {
            assert_eq!(split_address(text), Ok(parts));
        }
    }
}
