//! A certificate authority for tests and first tries: it signs certificates for nodes. Production has its own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, string::Ia5String,
};
use thiserror::Error;

use super::name::{NODE_SCHEME, host_of};

/// By which an operator reaches a node from its own machine: its admin listener is there.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
const DAY: Duration = Duration::from_secs(86_400);

/// Why a certificate could not be made.
#[derive(Debug, Error)]
pub enum AuthorityError {
    /// A node whose address is none.
    #[error("{0:?} is no address HOST:PORT")]
    NoAddress(String),
    /// A name that no certificate may hold, or a key that is none.
    #[error(transparent)]
    Unfit(#[from] rcgen::Error),
}

/// From when until when certificates hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    from: SystemTime,
    until: SystemTime,
}

impl Validity {
    /// Until the year 2100, for who has no clock to ask.
    pub fn long() -> Self {
        Self { from: UNIX_EPOCH, until: UNIX_EPOCH + Duration::from_secs(4_102_444_800) }
    }

    /// From a day before now, since clocks differ.
    pub fn days(now: SystemTime, days: u16) -> Self {
        Self { from: now - DAY, until: now + DAY * u32::from(days) }
    }
}

/// A node's certificate and its key, in PEM.
#[derive(Clone)]
pub struct Issued {
    /// For everybody.
    pub certificate_pem: String,
    /// For the node alone.
    pub key_pem: String,
}

/// Signs certificates.
pub struct Authority {
    params: CertificateParams,
    key: KeyPair,
    validity: Validity,
}

impl Authority {
    /// With a new key.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn new(validity: Validity) -> Result<Self, AuthorityError> {
        Ok(Self::with_key(KeyPair::generate()?, validity))
    }

    /// The one that had this key: what it signs from now on is as good as what it signed before.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn again(key_pem: &str, validity: Validity) -> Result<Self, AuthorityError> {
        Ok(Self::with_key(KeyPair::from_pem(key_pem)?, validity))
    }

    fn with_key(key: KeyPair, validity: Validity) -> Self {
        let mut params = params("Causeway test authority", validity);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self { params, key, validity }
    }

    /// Its own certificate, which others believe in.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn certificate_pem(&self) -> Result<String, AuthorityError> {
        Ok(self.params.self_signed(&self.key)?.pem())
    }

    /// Its secret.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// A certificate for the node with this `HOST:PORT`, which clients may also reach by further hosts and on its own machine.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn issue(&self, node: &str, more_hosts: &[String]) -> Result<Issued, AuthorityError> {
        let host = host_of(node).ok_or_else(|| AuthorityError::NoAddress(node.to_owned()))?;
        let mut hosts = vec![host.to_str().into_owned()];
        for more in more_hosts.iter().map(String::as_str).chain(LOOPBACK) {
            if hosts.iter().all(|host| host != more) {
                hosts.push(more.to_owned());
            }
        }
        let mut leaf = params("Causeway node", self.validity);
        leaf.subject_alt_names = CertificateParams::new(hosts)?.subject_alt_names;
        leaf.subject_alt_names.push(SanType::URI(Ia5String::try_from(format!("{NODE_SCHEME}{node}"))?));
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        leaf.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = leaf.signed_by(&key, &Issuer::from_params(&self.params, &self.key))?;
        Ok(Issued { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}

fn params(name: &str, validity: Validity) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = validity.from.into();
    params.not_after = validity.until.into();
    params
}
