//! A stream that does not let requests with two lengths through.
//!
//! In their place the reader gets bytes that begin no request and end no head, so that it answers 400 and closes as it does for any
//! other broken request; requests before them are answered as usual.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::framing::{Framing, TwoLengths};

/// NUL is legal nowhere in a head, and the empty line makes the reader judge at once.
const BROKEN: &[u8] = b"\0\r\n\r\n";

/// See the module.
pub(super) struct ScreenedStream<S> {
    stream: S,
    framing: Framing,
    /// What is still to be given in place of the client's bytes, once those are no longer let through.
    instead: Option<&'static [u8]>,
}

impl<S> ScreenedStream<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, framing: Framing::default(), instead: None }
    }
}

/// An empty rest is the end of the stream.
fn give(instead: &mut &'static [u8], buffer: &mut ReadBuf<'_>) {
    let (now, later) = instead.split_at(instead.len().min(buffer.remaining()));
    buffer.put_slice(now);
    *instead = later;
}

impl<S: AsyncRead + Unpin> AsyncRead for ScreenedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(instead) = &mut self.instead {
            give(instead, buffer);
            return Poll::Ready(Ok(()));
        }
        let filled = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if let Err(TwoLengths { before }) = self.framing.feed(&buffer.filled()[filled..]) {
            buffer.set_filled(filled + before);
            give(self.instead.insert(BROKEN), buffer);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ScreenedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, parts: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
