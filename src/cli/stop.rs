//! Being told to stop: SIGTERM from whoever runs the process, SIGINT from the terminal.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The two signals. From [`listen`](Self::listen) on they no longer kill the process.
pub(super) struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignal {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next of either. Cancel-safe.
    pub(super) async fn received(&mut self) {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
