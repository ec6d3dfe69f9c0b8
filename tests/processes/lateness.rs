//! How late this machine is, which may be busy with other things.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Between looks.
const LOOK: Duration = Duration::from_millis(20);

/// Watches how much longer than asked for a thread sleeps and then waits for a few bytes to be on the disk. That comes on top of
/// what the nodes take.
pub struct Lateness {
    over: Arc<AtomicBool>,
    most_us: Arc<AtomicU64>,
}

impl Lateness {
    /// Watches from now on.
    pub fn watched() -> Self {
        let (over, most_us) = (Arc::new(AtomicBool::default()), Arc::new(AtomicU64::default()));
        let (is_over, noted) = (over.clone(), most_us.clone());
        thread::spawn(move || {
            let mut file = tempfile::tempfile().expect("a temporary file");
            while !is_over.load(Ordering::Relaxed) {
                let began = Instant::now();
                thread::sleep(LOOK);
                file.write_all(b"now").and_then(|()| file.sync_data()).expect("the disk is well");
                noted.fetch_max(began.elapsed().saturating_sub(LOOK).as_micros() as u64, Ordering::Relaxed);
            }
        });
        Self { over, most_us }
    }

    /// The most so far.
    pub fn most(&self) -> Duration {
        Duration::from_micros(self.most_us.load(Ordering::Relaxed))
    }
}

impl Drop for Lateness {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
