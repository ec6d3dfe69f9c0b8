//! How long a client may be slow at what.
//!
//! Three bounds, one for each thing that a client can be slow at here: ending a head, beginning the next one, taking its answer. Which
//! of them holds depends on where the connection is in its exchange of requests and answers. The service says when a request has been
//! understood and when it has been answered, the stream says when bytes moved, and one timer beside both ends the connection. While
//! the node is at work no bound holds; the body has one of its own.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

use super::AcceptSettings;

/// What a client was too slow at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// Ending a head.
    Head,
    /// Beginning the next head.
    Idle,
    /// Taking its answer.
    Write,
}

impl Bound {
    /// As a label of a metric.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Head => "head_timeout",
            Self::Idle => "idle_timeout",
            Self::Write => "write_timeout",
        }
    }
}

/// Where a connection is in its exchange, and until when it may stay there. Shared by service, stream and timer, all in one task.
#[derive(Debug)]
pub(super) struct Exchange {
    head_timeout: Duration,
    idle_timeout: Duration,
    write_timeout: Duration,
    place: Mutex<Place>,
}

#[derive(Debug)]
struct Place {
    phase: Phase,
    /// When the client has been taking nothing for too long; none while it takes what there is.
    stalled_until: Option<Instant>,
}

#[derive(Debug)]
enum Phase {
    /// No byte of a head is there. The answer before it may still be on its way.
    Idle(Instant),
    /// Some of a head is there, or the connection is new.
    Head(Instant),
    /// A request is being answered.
    Answering,
}

/// While it lives a request is being answered.
pub(super) struct Answering<'a>(&'a Exchange);

impl Exchange {
    /// The time for the first head starts now.
    pub(super) fn new(settings: &AcceptSettings) -> Self {
        let head_timeout = Duration::from_millis(settings.head_timeout_ms);
        Self {
            head_timeout,
            idle_timeout: Duration::from_millis(settings.idle_timeout_ms),
            write_timeout: Duration::from_millis(settings.write_timeout_ms),
            place: Mutex::new(Place { phase: Phase::Head(Instant::now() + head_timeout), stalled_until: None }),
        }
    }

    /// A request's head has been read.
    pub(super) fn answering(&self) -> Answering<'_> {
        self.place().phase = Phase::Answering;
        Answering(self)
    }

    /// Ready when the client has been too slow. To be polled after the connection, in the same task: it starts from where that is.
    pub(super) fn poll_exceeded(&self, timer: &mut Timer, cx: &mut Context<'_>) -> Poll<Bound> {
        let Some((deadline, bound)) = self.place().deadline() else { return Poll::Pending };
        ready!(timer.poll_until(deadline, cx));
        Poll::Ready(bound)
    }

    fn read_some(&self) {
        let mut place = self.place();
        if let Phase::Idle(_) = place.phase {
            place.phase = Phase::Head(Instant::now() + self.head_timeout);
        }
    }

    fn wrote_some(&self) {
        let mut place = self.place();
        place.stalled_until = None;
        if let Phase::Idle(until) = &mut place.phase {
            *until = Instant::now() + self.idle_timeout;
        }
    }

    fn flushed(&self) {
        self.place().stalled_until = None;
    }

    fn wrote_nothing(&self) {
        self.place().stalled_until.get_or_insert_with(|| Instant::now() + self.write_timeout);
    }

    /// A place is right whatever panicked while it was held: nothing in between can.
    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn deadline(&self) -> Option<(Instant, Bound)> {
        match (self.stalled_until, &self.phase) {
            (Some(until), _) => Some((until, Bound::Write)),
            (None, Phase::Idle(until)) => Some((*until, Bound::Idle)),
            (None, Phase::Head(until)) => Some((*until, Bound::Head)),
            (None, Phase::Answering) => None,
        }
    }
}

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        self.0.place().phase = Phase::Idle(Instant::now() + self.0.idle_timeout);
    }
}

/// A timer that is set far more often than it runs out: it is moved only when it would wake too late, or has woken too early.
#[derive(Debug, Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    fn poll_until(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

/// A stream that says when bytes move.
pub(super) struct PacedStream<S> {
    stream: S,
    exchange: Arc<Exchange>,
}

impl<S> PacedStream<S> {
    pub(super) fn new(stream: S, exchange: Arc<Exchange>) -> Self {
        Self { stream, exchange }
    }

    fn note<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match written {
            Poll::Ready(_) => self.exchange.wrote_some(),
            Poll::Pending => self.exchange.wrote_nothing(),
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PacedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let filled = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > filled {
            self.exchange.read_some();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for PacedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(written)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, parts: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Within TLS what was written may be waiting here for a client that takes nothing.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        match flushed {
            Poll::Ready(_) => self.exchange.flushed(),
            Poll::Pending => self.exchange.wrote_nothing(),
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
