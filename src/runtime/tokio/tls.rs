//! TLS between nodes: both ends show certificates, and each is held to the address that it claims.

use std::{fmt, io, time::Duration};

use rustls::pki_types::CertificateDer;
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::tls::{Credentials, NotNamed, TlsError, host_of, names};

/// How long a caller may take to hear why it is refused.
const ALERT_WAIT: Duration = Duration::from_secs(1);

/// What a node needs to call peers and to be called by them.
#[derive(Clone)]
pub struct PeerTls {
    acceptor: TlsAcceptor,
    connector: TlsConnector,
}

impl fmt::Debug for PeerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerTls").finish_non_exhaustive()
    }
}

impl PeerTls {
    /// With a node's certificate and authority.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(credentials: &Credentials) -> Result<Self, TlsError> {
        Ok(Self { acceptor: credentials.peer_server()?.into(), connector: credentials.peer_client()?.into() })
    }

    /// The handshake with a caller: it shows a certificate of the authority. Whose, is not looked at yet: it has not said who it is.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        match self.acceptor.accept(stream).into_fallible().await {
            Ok(stream) => Ok(stream.into()),
            Err((error, stream)) => {
                let_hear(stream).await;
                Err(error)
            }
        }
    }

    /// The handshake with the node that has this address: the certificate that it shows names the address's host.
    pub(super) async fn call(&self, stream: TcpStream, address: &str) -> io::Result<TlsStream<TcpStream>> {
        let host = host_of(address).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the address has no host"))?;
        Ok(self.connector.connect(host, stream).await?.into())
    }
}

/// Closing throws away what was not sent yet: gives a caller that was refused time to hear why, and to close first.
async fn let_hear(mut stream: TcpStream) {
    let mut ignored = [0; 512];
    let closed = async { while !matches!(stream.read(&mut ignored).await, Ok(0) | Err(_)) {} };
    let _ = timeout(ALERT_WAIT, closed).await;
}

/// Whether the other end of a connection has shown that it is the node with this address.
pub(super) fn proves(stream: &TlsStream<TcpStream>, address: &str) -> Result<(), NotNamed> {
    let (_, session) = stream.get_ref();
    let shown: Option<&CertificateDer<'_>> = session.peer_certificates().and_then(|chain| chain.first());
    names(shown.ok_or_else(|| NotNamed(address.to_owned()))?, address)
}
