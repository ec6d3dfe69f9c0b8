//! One client's connection: hyper over a stream that gives up on a client that is too slow.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::Body,
    http::{Request, Response},
};
use hyper::{
    body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
    time::{Sleep, sleep, timeout},
};

use super::{
    AcceptSettings, ClientTls,
    admission::Permit,
    pace::{Bound, Exchange, PacedStream, Timer},
    screen::ScreenedStream,
};
use crate::http::{Api, BodyTimedOut, HttpMetrics, guard::Shown};

/// A body is read through a buffer of at least this size.
const MIN_BUFFER_BYTES: usize = 64 << 10;

/// Everything that one connection needs.
pub(super) struct Connection {
    pub api: Api,
    pub settings: AcceptSettings,
    pub metrics: Arc<HttpMetrics>,
    pub tls: Option<ClientTls>,
    pub permit: Permit,
    pub stop: watch::Receiver<bool>,
}

impl Connection {
    /// Serves requests until either side closes, a bound is reached, or the server stops.
    pub(super) async fn serve(mut self, stream: TcpStream) {
        // Answers are small and waited for. Where this fails the connection is gone already.
        let _ = stream.set_nodelay(true);
        match self.tls.take() {
            None => self.speak(stream, None).await,
            // Apart, so that a connection in clear costs no more than without it.
            Some(tls) => Box::pin(self.speak_within(tls, stream)).await,
        }
    }

    async fn speak_within(mut self, tls: ClientTls, stream: TcpStream) {
        let limit = Duration::from_millis(self.settings.head_timeout_ms);
        let secured = tokio::select! {
            biased;
            () = stopped(&mut self.stop) => return,
            secured = timeout(limit, tls.accept(stream)) => secured,
        };
        match secured {
            Ok(Ok((stream, shown))) => self.speak(stream, shown).await,
            Ok(Err(error)) => {
                tracing::debug!(%error, "no handshake with a client");
                self.metrics.failed_connection("handshake");
            }
            Err(_) => self.metrics.failed_connection(Bound::Head.label()),
        }
    }

    async fn speak(self, stream: impl AsyncRead + AsyncWrite + Unpin, shown: Option<Shown>) {
        let Self { api, settings, metrics, tls: _, permit, mut stop } = self;
        let _permit = permit;
        let exchange = Arc::new(Exchange::new(&settings));
        let stream = ScreenedStream::new(PacedStream::new(stream, exchange.clone()));
        let service = service_fn(|mut request: Request<Incoming>| {
            if let Some(shown) = &shown {
                request.extensions_mut().insert(shown.clone());
            }
            answer(&api, &exchange, &settings, request)
        });
        let mut connection = pin!(
            http1::Builder::new()
                .header_read_timeout(None)
                .max_header_size(settings.max_head_bytes)
                .max_buf_size(settings.max_head_bytes.max(MIN_BUFFER_BYTES))
                .serve_connection(TokioIo::new(stream), service)
        );
        let _open = metrics.opened_connection();
        let mut timer = Timer::default();
        let mut is_stopping = false;
        let failure = loop {
            tokio::select! {
                biased;
                () = stopped(&mut stop), if !is_stopping => {
                    is_stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
                ended = &mut connection => break ended.err().map(|error| failure_label(&error)),
                bound = poll_fn(|cx| exchange.poll_exceeded(&mut timer, cx)) => break Some(bound.label()),
            }
        };
        if let Some(cause) = failure {
            metrics.failed_connection(cause);
            tracing::debug!(cause, "client connection failed");
        }
    }
}

/// Until the server stops, or whoever would say so is gone.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn answer(
    api: &Api,
    exchange: &Exchange,
    settings: &AcceptSettings,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let _answering = exchange.answering();
    let timeout = Duration::from_millis(settings.body_timeout_ms);
    Ok(api.answer(request.map(|body| BoundedBody { body, timeout, deadline: None })).await)
}

fn failure_label(error: &hyper::Error) -> &'static str {
    if error.is_parse_too_large() {
        "head_too_large"
    } else if error.is_parse() {
        "malformed"
    } else {
        "broken"
    }
}

/// A body that must be there in time.
struct BoundedBody {
    body: Incoming,
    timeout: Duration,
    /// Runs from when the body was first waited for: most bodies come with their heads.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for BoundedBody {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let timeout = self.timeout;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(timeout)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Some(Err(BodyTimedOut.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
