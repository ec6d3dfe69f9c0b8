//! A connection between peers: in clear, or within TLS.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::TlsStream;

use super::tls::{PeerTls, proves};
use crate::tls::NotNamed;

/// See the module.
#[derive(Debug)]
pub(super) enum PeerStream {
    /// Anybody may read it and be at its end.
    Plain(TcpStream),
    /// Both ends have shown certificates.
    Tls(Box<TlsStream<TcpStream>>),
}

impl PeerStream {
    /// From a caller.
    pub(super) async fn accept(stream: TcpStream, tls: Option<&PeerTls>) -> io::Result<Self> {
        match tls {
            None => Ok(Self::Plain(stream)),
            Some(tls) => Ok(Self::Tls(Box::new(tls.accept(stream).await?))),
        }
    }

    /// To the node with this address.
    pub(super) async fn call(stream: TcpStream, address: &str, tls: Option<&PeerTls>) -> io::Result<Self> {
        match tls {
            None => Ok(Self::Plain(stream)),
            Some(tls) => Ok(Self::Tls(Box::new(tls.call(stream, address).await?))),
        }
    }

    /// Whether the other end has shown that it is the node with this address. In clear everybody is believed.
    pub(super) fn proves(&self, address: &str) -> Result<(), NotNamed> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(stream) => proves(stream, address),
        }
    }
}

impl AsyncRead for PeerStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
