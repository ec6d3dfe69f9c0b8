//! How a client enters a cluster: in clear, or within TLS and with a token.

use std::{fmt, io, sync::Arc};

use hyper::header::HeaderValue;
use rustls::{ClientConfig, pki_types::ServerName};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::tls::host_of;

/// A token that no header can carry. It is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the token holds characters that are none of a token")]
pub struct BadToken;

/// See the module. In clear and without a token by default.
#[derive(Clone, Default)]
pub struct Access {
    tls: Option<TlsConnector>,
    name: Option<ServerName<'static>>,
    token: Option<HeaderValue>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("tls", &self.tls.is_some()).field("token", &self.token.is_some()).finish_non_exhaustive()
    }
}

impl Access {
    /// Within TLS.
    pub fn within_tls(config: Arc<ClientConfig>) -> Self {
        Self { tls: Some(config.into()), ..Self::default() }
    }

    /// The same for nodes whose certificates name this host and not the one where they are reached.
    pub fn named(self, host: ServerName<'static>) -> Self {
        Self { name: Some(host), ..self }
    }

    /// The same with a token in each request.
    ///
    /// # Errors
    /// It is none.
    pub fn with_token(self, token: &str) -> Result<Self, BadToken> {
        let mut header = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| BadToken)?;
        header.set_sensitive(true);
        Ok(Self { token: Some(header), ..self })
    }

    pub(super) fn token(&self) -> Option<&HeaderValue> {
        self.token.as_ref()
    }

    /// The handshake with the node that is reached at this address.
    pub(super) async fn secure(&self, stream: TcpStream, address: &str) -> io::Result<Secured> {
        let Some(tls) = &self.tls else { return Ok(Secured::Plain(stream)) };
        let no_host = || io::Error::new(io::ErrorKind::InvalidInput, "the address has no host");
        let host = self.name.clone().or_else(|| host_of(address)).ok_or_else(no_host)?;
        Ok(Secured::Tls(Box::new(tls.connect(host, stream).await?)))
    }
}

/// A connection to a node.
pub(super) enum Secured {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}
