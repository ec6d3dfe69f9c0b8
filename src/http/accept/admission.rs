//! How many connections there may be, overall and from one client.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::AcceptSettings;

/// The bits of an IPv6 address that tell clients apart: whoever has one address has the whole network of it.
const IPV6_CLIENT_BITS: u32 = 64;

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// Of all connections.
    Total,
    /// Of one client's.
    Client,
}

impl Limit {
    /// As a label of a metric.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Client => "client",
        }
    }
}

/// Counts open connections.
#[derive(Debug)]
pub(super) struct Admission {
    max_total: usize,
    max_per_client: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_client: BTreeMap<IpAddr, usize>,
}

/// Leave for one connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    admission: Arc<Admission>,
    client: IpAddr,
}

impl Admission {
    pub(super) fn new(settings: &AcceptSettings) -> Self {
        let open = Mutex::default();
        Self { max_total: settings.max_connections, max_per_client: settings.max_connections_per_client, open }
    }

    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Permit, Limit> {
        let client = client_of(address);
        let mut open = self.open();
        if open.total >= self.max_total {
            return Err(Limit::Total);
        }
        let held = open.by_client.get(&client).copied().unwrap_or_default();
        if held >= self.max_per_client {
            return Err(Limit::Client);
        }
        open.total += 1;
        open.by_client.insert(client, held + 1);
        Ok(Permit { admission: self.clone(), client })
    }

    /// Counts stay right whatever panicked while they were held: nothing in between can.
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.admission.open();
        open.total -= 1;
        if let Entry::Occupied(mut held) = open.by_client.entry(self.client) {
            *held.get_mut() -= 1;
            if *held.get() == 0 {
                held.remove();
            }
        }
    }
}

fn client_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let network = u128::MAX << (u128::BITS - IPV6_CLIENT_BITS);
            Ipv6Addr::from_bits(address.to_bits() & network).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(max_connections: usize, max_connections_per_client: usize) -> Arc<Admission> {
        let settings = AcceptSettings { max_connections, max_connections_per_client, ..AcceptSettings::default() };
        Arc::new(Admission::new(&settings))
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_permit_counts_until_it_is_dropped() {
        let admission = admission(2, 2);
        let first = admission.admit(address("10.0.0.1")).unwrap();
        let _second = admission.admit(address("10.0.0.2")).unwrap();
        assert_eq!(admission.admit(address("10.0.0.3")).unwrap_err(), Limit::Total);
        drop(first);
        assert!(admission.admit(address("10.0.0.3")).is_ok());
        assert_eq!(admission.open().total, 1);
        assert_eq!(admission.open().by_client.len(), 1);
    }

    #[test]
    fn one_client_does_not_take_all() {
        let admission = admission(10, 1);
        let _held = [
            admission.admit(address("10.0.0.1")).unwrap(),
            admission.admit(address("2001:db8::1")).unwrap(),
            admission.admit(address("2001:db8:0:1::1")).unwrap(),
        ];
        for same in ["10.0.0.1", "::ffff:10.0.0.1", "2001:db8::ffff:2"] {
            assert_eq!(admission.admit(address(same)).unwrap_err(), Limit::Client, "{same}");
        }
    }
}
