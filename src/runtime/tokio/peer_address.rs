//! Where a node listens for its peers, when only its clients' address is known.

use crate::placement::{AddressError, split_address};

/// How far the peers' port is from the clients'.
const PEER_PORT_OFFSET: u16 = 10_000;
/// Above this port the offset is subtracted.
const PORT_LIMIT: u16 = 55_535;

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
}
