//! Ports that are free for clients and, ten thousand above, for peers.

use std::{net::TcpListener, process, sync::Mutex};

/// Below the ports that the system gives out by itself, also with the peers' offset.
const FIRST: u16 = 11_000;
const LAST: u16 = 22_000;
const PEER_OFFSET: u16 = 10_000;

/// As many client ports, in rising order. Never the same twice in one process; different processes start at different places.
pub fn free(count: usize) -> Vec<u16> {
    static NEXT: Mutex<Option<u16>> = Mutex::new(None);
    let mut next = NEXT.lock().expect("whoever held it did not panic");
    let start = next.unwrap_or(FIRST + (process::id() % u32::from(LAST - FIRST)) as u16);
    let mut candidates = (start..LAST).chain(FIRST..start).filter(|port| is_free(*port) && is_free(port + PEER_OFFSET));
    let mut ports: Vec<u16> = candidates.by_ref().take(count).collect();
    assert_eq!(ports.len(), count, "not enough free ports");
    *next = Some(ports[count - 1] + 1);
    ports.sort_unstable();
    ports
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}
