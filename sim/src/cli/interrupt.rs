//! Ctrl-C. A command that takes long goes on beside a look-out, which prints what was done so far.

#![expect(clippy::disallowed_methods, reason = "the work is done beside the thread that looks out for the signal")]

use std::{
    io,
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use signal_hook::{consts::SIGINT, flag};

/// Between two looks.
const GLANCE: Duration = Duration::from_millis(50);

/// Becomes true at the first Ctrl-C; the second ends the process.
///
/// # Errors
/// The system takes no handler.
pub fn listen() -> Result<Arc<AtomicBool>, String> {
    let stop = Arc::new(AtomicBool::new(false));
    let register = || -> io::Result<()> {
        flag::register_conditional_shutdown(SIGINT, super::exit::INTERRUPTED.into(), stop.clone())?;
        flag::register(SIGINT, stop.clone())?;
        Ok(())
    };
    register().map_err(|error| format!("Ctrl-C: {error}"))?;
    Ok(stop)
}

/// Does some work; `None` when Ctrl-C came first. The work is left where it is then: its thread ends with the process.
///
/// # Errors
/// The system takes no handler.
///
/// # Panics
/// When the work does, with its own payload.
pub fn unless_interrupted<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<Option<T>, String> {
    let stop = listen()?;
    let (sender, done) = mpsc::channel();
    let thread = thread::spawn(move || {
        // Nobody takes it after an interruption.
        let _ = sender.send(work());
    });
    loop {
        match done.recv_timeout(GLANCE) {
            Ok(result) => return Ok(Some(result)),
            Err(RecvTimeoutError::Timeout) if stop.load(Ordering::Relaxed) => return Ok(None),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => match thread.join() {
                Ok(()) => return Ok(None),
                Err(panic) => resume_unwind(panic),
            },
        }
    }
}
