//! What a node shows, and whom it believes.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::Resumption,
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier},
    version::TLS13,
};
use thiserror::Error;

use super::name::{NotNamed, names};

/// What a link between nodes speaks: no browser and no HTTP client offers it, so neither is mistaken for a node.
const PEER_PROTOCOL: &[u8] = b"causeway-peer";
const HTTP_PROTOCOL: &[u8] = b"http/1.1";

/// Why there is no TLS. Never shows what a key file holds.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file that cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file that holds no certificate, or a broken one.
    #[error("{}: no certificate in PEM", .0.display())]
    NoCertificate(PathBuf),
    /// A file that holds no private key, or a broken one.
    #[error("{}: no private key in PEM", .0.display())]
    NoKey(PathBuf),
    /// Certificate and key do not belong together, or are of a kind that is not spoken here.
    #[error(transparent)]
    Unfit(#[from] rustls::Error),
    /// The authority's certificate is none.
    #[error("the authority's certificate: {0}")]
    Authority(#[from] VerifierBuilderError),
}

/// Where the files are, all of them PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates of the authority that signs those of the cluster.
    pub authority: PathBuf,
    /// The node's certificate, and after it those between it and the authority.
    pub certificate: PathBuf,
    /// The key that goes with it.
    pub key: PathBuf,
}

/// Whom one believes.
#[derive(Debug, Clone)]
pub struct Roots(Arc<RootCertStore>);

/// What a node shows, and whom it believes.
pub struct Credentials {
    roots: Roots,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("certificates", &self.chain.len()).finish_non_exhaustive()
    }
}

impl Roots {
    /// Reads an authority's certificates.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn load(path: &Path) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(path)? {
            roots.add(certificate)?;
        }
        Ok(Self(Arc::new(roots)))
    }

    /// For a client that shows no certificate.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn client(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13])?;
        let mut config = builder.with_root_certificates(self.0.clone()).with_no_client_auth();
        config.alpn_protocols = vec![HTTP_PROTOCOL.to_vec()];
        Ok(Arc::new(config))
    }
}

impl Credentials {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let credentials =
            Self { roots: Roots::load(&files.authority)?, chain: certificates(&files.certificate)?, key: key(&files.key)? };
        // Says now, not at the first connection, when certificate and key do not fit.
        credentials.peer_client()?;
        Ok(credentials)
    }

    /// Whom the node believes.
    pub fn roots(&self) -> &Roots {
        &self.roots
    }

    /// Whether the certificate speaks for the node with this address.
    ///
    /// # Errors
    /// It does not: no other node would believe it.
    pub fn speak_for(&self, address: &str) -> Result<(), NotNamed> {
        let certificate = self.chain.first().ok_or_else(|| NotNamed(address.to_owned()))?;
        names(certificate, address)
    }

    /// For the listener for peers: whoever calls shows a certificate.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn peer_server(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots.0.clone(), provider()).build()?;
        let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13])?;
        let mut config =
            builder.with_client_cert_verifier(verifier).with_single_cert(self.chain.clone(), self.key.clone_key())?;
        config.alpn_protocols = vec![PEER_PROTOCOL.to_vec()];
        // Each connection proves anew who is at its ends.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Arc::new(config))
    }

    /// For calls to peers.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn peer_client(&self) -> Result<Arc<ClientConfig>, TlsError> {
        self.client_with(PEER_PROTOCOL)
    }

    /// For a listener for clients: who shows a certificate must show one of the authority, and nobody has to.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn http_server(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots.0.clone(), provider());
        let verifier = verifier.allow_unauthenticated().build()?;
        let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13])?;
        let mut config =
            builder.with_client_cert_verifier(verifier).with_single_cert(self.chain.clone(), self.key.clone_key())?;
        config.alpn_protocols = vec![HTTP_PROTOCOL.to_vec()];
        Ok(Arc::new(config))
    }

    /// For a node's own requests to other nodes over HTTP.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn http_client(&self) -> Result<Arc<ClientConfig>, TlsError> {
        self.client_with(HTTP_PROTOCOL)
    }

    fn client_with(&self, protocol: &[u8]) -> Result<Arc<ClientConfig>, TlsError> {
        let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13])?;
        let builder = builder.with_root_certificates(self.roots.0.clone());
        let mut config = builder.with_client_auth_cert(self.chain.clone(), self.key.clone_key())?;
        config.alpn_protocols = vec![protocol.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |error| unreadable(path, error).unwrap_or_else(|| TlsError::NoCertificate(path.to_owned()));
    let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(failed)?.collect();
    let certificates = read.map_err(failed)?;
    if certificates.is_empty() { Err(TlsError::NoCertificate(path.to_owned())) } else { Ok(certificates) }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let failed = |error| unreadable(path, error).unwrap_or_else(|| TlsError::NoKey(path.to_owned()));
    PrivateKeyDer::from_pem_file(path).map_err(failed)
}

/// What is wrong with the file itself. What is wrong with its text is not repeated: it may be a secret.
fn unreadable(path: &Path, error: pem::Error) -> Option<TlsError> {
    match error {
        pem::Error::Io(source) => Some(TlsError::Unreadable { path: path.to_owned(), source }),
        _ => None,
    }
}
