//! Which nodes a certificate speaks for.

use rustls::pki_types::{CertificateDer, ServerName};
use thiserror::Error;
use webpki::EndEntityCert;

use crate::placement::split_address;

/// What a name begins with that makes a certificate speak for one node, as in `causeway://10.0.0.1:8090`.
pub const NODE_SCHEME: &str = "causeway://";

/// A certificate was shown, or none, that does not speak for the node that was claimed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the certificate does not name {0}")]
pub struct NotNamed(pub String);

/// Whether a certificate, whose signatures were checked before, speaks for the node with this `HOST:PORT`.
///
/// # Errors
/// It does not, or one of the two cannot be read.
pub fn names(certificate: &CertificateDer<'_>, address: &str) -> Result<(), NotNamed> {
    let not = || NotNamed(address.to_owned());
    let certificate = EndEntityCert::try_from(certificate).map_err(|_| not())?;
    let host = host_of(address).ok_or_else(not)?;
    certificate.verify_is_valid_for_subject_name(&host).map_err(|_| not())?;
    let mut nodes = certificate.valid_uri_names().filter_map(|uri| uri.strip_prefix(NODE_SCHEME)).peekable();
    let any_node = nodes.peek().is_none();
    if any_node || nodes.any(|node| node == address) { Ok(()) } else { Err(not()) }
}

/// The host of an address, as a certificate names it; `None` for what is no address.
pub fn host_of(address: &str) -> Option<ServerName<'static>> {
    host(split_address(address).ok()?.0)
}

/// A host as a certificate names it, from text in which an IPv6 address may have brackets; `None` for what is no host.
pub fn host(text: &str) -> Option<ServerName<'static>> {
    let host = text.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(text);
    ServerName::try_from(host.to_owned()).ok()
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject;

    use super::*;
    use crate::tls::{Authority, Validity};

    fn certificate(node: &str, more_hosts: &[&str]) -> CertificateDer<'static> {
        let authority = Authority::new(Validity::long()).expect("a key");
        let more_hosts: Vec<String> = more_hosts.iter().map(|host| (*host).to_owned()).collect();
        let issued = authority.issue(node, &more_hosts).expect("a legal name");
        CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).expect("a certificate")
    }

    #[test]
    fn a_certificate_speaks_for_its_node_alone() {
        for node in ["10.0.0.1:8090", "node-1.cluster.local:8090", "[2001:db8::1]:8090"] {
            let certificate = certificate(node, &["elsewhere"]);
            assert_eq!(names(&certificate, node), Ok(()));
            let other_port = node.replace(":8090", ":8091");
            let other_host = "elsewhere:8090".to_owned();
            for other in [other_port, other_host, "10.0.0.2:8090".to_owned(), "nonsense".to_owned()] {
                assert_eq!(names(&certificate, &other), Err(NotNamed(other.clone())), "{node} for {other}");
            }
        }
    }

    #[test]
    fn a_certificate_without_nodes_speaks_for_its_hosts() {
        let params = rcgen::CertificateParams::new(["*.nodes.local".to_owned(), "10.0.0.1".to_owned()]).expect("names");
        let signed = params.self_signed(&rcgen::KeyPair::generate().expect("a key")).expect("a certificate");
        for node in ["a.nodes.local:1", "b.nodes.local:2", "10.0.0.1:8090"] {
            assert_eq!(names(signed.der(), node), Ok(()));
        }
        for other in ["nodes.local:1", "10.0.0.2:8090", "a.others.local:1"] {
            assert_eq!(names(signed.der(), other), Err(NotNamed(other.to_owned())));
        }
    }
}
