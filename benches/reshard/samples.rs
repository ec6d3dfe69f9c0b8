//! What processes use, read from the system while something happens.

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

const INTERVAL: Duration = Duration::from_millis(50);
const TICKS_A_SECOND: f64 = 100.0;

/// One look at one process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sample {
    /// Resident memory, bytes.
    pub memory: u64,
    /// Processor seconds used since its start.
    pub cpu_s: f64,
}

impl Sample {
    /// Now.
    pub fn of(process: u32) -> Self {
        let read = |name: &str| fs::read_to_string(format!("/proc/{process}/{name}")).unwrap_or_default();
        let status = read("status");
        let resident =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).and_then(|rest| rest.split_whitespace().next());
        // After the name in parentheses, which may hold spaces: user and system time are the 12th and 13th.
        let stat = read("stat");
        let ticks = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
        let cpu_s = ticks.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS_A_SECOND;
        Self { memory: resident.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() * 1_024, cpu_s }
    }
}

/// Looks at some processes again and again, on a thread of its own.
pub struct Watch {
    over: Arc<AtomicBool>,
    most: Arc<Mutex<BTreeMap<u32, u64>>>,
    thread: JoinHandle<()>,
}

impl Watch {
    /// Begins to look.
    pub fn over(processes: Vec<u32>) -> Self {
        let (over, most) = (Arc::new(AtomicBool::default()), Arc::new(Mutex::new(BTreeMap::new())));
        let (is_over, noted) = (over.clone(), most.clone());
        let thread = thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                let began = Instant::now();
                for process in &processes {
                    let memory = Sample::of(*process).memory;
                    let mut most = noted.lock().expect("no panic under the lock");
                    let known: &mut u64 = most.entry(*process).or_default();
                    *known = memory.max(*known);
                }
                thread::sleep(INTERVAL.saturating_sub(began.elapsed()));
            }
        });
        Self { over, most, thread }
    }

    /// The most memory that each process had.
    pub fn end(self) -> BTreeMap<u32, u64> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("it does not panic");
        self.most.lock().expect("no panic under the lock").clone()
    }
}
