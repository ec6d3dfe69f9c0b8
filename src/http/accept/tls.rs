//! TLS of a listener for clients.

use std::{fmt, io, sync::Arc};

use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{
    http::guard::Shown,
    tls::{Credentials, TlsError},
};

/// What a listener shows to clients.
#[derive(Clone)]
pub struct ClientTls(TlsAcceptor);

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").finish_non_exhaustive()
    }
}

impl ClientTls {
    /// With a node's certificate.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(credentials: &Credentials) -> Result<Self, TlsError> {
        Ok(Self(credentials.http_server()?.into()))
    }

    /// The handshake, and the certificate that the client showed, if it is one of the cluster's authority.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<(TlsStream<TcpStream>, Option<Shown>)> {
        let stream = self.0.accept(stream).await?;
        let (_, session) = stream.get_ref();
        let shown = session.peer_certificates().and_then(|chain| chain.first());
        let shown = shown.map(|certificate| Shown(Arc::new(certificate.clone().into_owned())));
        Ok((stream, shown))
    }
}
