//! Being told to stop: SIGTERM from whoever runs the process, SIGINT from the terminal, and the end of standard input from a parent.
//! The first comes from those who look at `/readyz` to know whom to send load; the others look at nothing.

use std::{
    io::{self, ErrorKind},
    os::fd::AsFd,
};

use tokio::{
    io::AsyncReadExt,
    net::unix::pipe::Receiver,
    signal::unix::{Signal, SignalKind, signal},
};

/// How a process was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopCause {
    /// SIGTERM.
    Terminated,
    /// SIGINT, or the end of standard input.
    Interrupted,
}

/// All that tells a process to stop. From [`listen`](Self::listen) on the signals no longer kill it.
pub(super) struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
    parent: Option<Receiver>,
}

impl StopSignal {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())?, parent: None })
    }

    /// The same, and the end of standard input, which must be a pipe.
    pub(super) fn and_stdin(self) -> io::Result<Self> {
        let parent = Receiver::from_owned_fd(io::stdin().as_fd().try_clone_to_owned()?)?;
        Ok(Self { parent: Some(parent), ..self })
    }

    /// Waits for the next of them. Cancel-safe.
    pub(super) async fn received(&mut self) -> StopCause {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => StopCause::Terminated,
            _ = self.interrupt.recv() => StopCause::Interrupted,
            () = ended(&mut self.parent) => {
                self.parent = None;
                StopCause::Interrupted
            }
        }
    }
}

/// What a parent writes means nothing; only that it no longer can.
async fn ended(parent: &mut Option<Receiver>) {
    let Some(pipe) = parent else { return std::future::pending().await };
    let mut ignored = [0; 64];
    loop {
        match pipe.read(&mut ignored).await {
            Ok(0) => return,
            Err(error) if error.kind() != ErrorKind::Interrupted => return,
            _ => {}
        }
    }
}
