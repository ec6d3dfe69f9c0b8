//! One worker process of a sweep, from the outside: it is asked, it may die or fall silent, and then another one is started.

#![expect(clippy::disallowed_methods, reason = "what a process writes is read on a thread of its own")]

use std::{
    fmt,
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        atomic::{AtomicBool, AtomicU32, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::sweep::{
    job::{Job, Reply},
    sabotage::Sabotage,
};

/// How often somebody who waits looks whether all is to stop.
const GLANCE: Duration = Duration::from_millis(50);
/// The most bytes that are kept of what a worker says before it dies.
const LAST_BYTES: usize = 4_096;

/// How workers are started.
#[derive(Debug)]
pub struct Workshop {
    program: PathBuf,
    sabotage: Vec<Sabotage>,
    next: AtomicU32,
}

/// A worker process. It is killed when this goes.
pub struct Worker {
    number: u32,
    child: Child,
    input: ChildStdin,
    replies: Receiver<io::Result<String>>,
    complaints: Option<JoinHandle<String>>,
}

/// Why a question has no answer. The worker is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoReply {
    /// It took longer than it may.
    TooLong(Duration),
    /// The process ended: how, and what it said last.
    Died(String),
    /// Whoever asked wants to know no more.
    Stopped,
}

impl Workshop {
    /// Workers will be this program, told to be a `worker`, and break this on purpose.
    pub fn new(program: PathBuf, sabotage: Vec<Sabotage>) -> Self {
        Self { program, sabotage, next: AtomicU32::new(0) }
    }

    /// Starts a worker.
    ///
    /// # Errors
    /// The system starts no process.
    pub fn start(&self) -> io::Result<Worker> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut command = Command::new(&self.program);
        command.args(["worker", "--number", &number.to_string()]);
        for sabotage in &self.sabotage {
            command.args(["--sabotage", &sabotage.to_string()]);
        }
        // In a group of its own, so that Ctrl-C reaches the parent alone.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let missing = || io::Error::other("a worker without its pipes");
        let input = child.stdin.take().ok_or_else(missing)?;
        let output = child.stdout.take().ok_or_else(missing)?;
        let errors = child.stderr.take().ok_or_else(missing)?;
        let (sender, replies) = mpsc::channel();
        thread::spawn(move || BufReader::new(output).lines().try_for_each(|line| sender.send(line)));
        let complaints = Some(thread::spawn(move || last_of(errors)));
        Ok(Worker { number, child, input, replies, complaints })
    }
}

impl Worker {
    /// Which one of its workshop.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Has it do a job, for which it may take so long on the clock on the wall.
    ///
    /// # Errors
    /// There is no answer, and no worker any more.
    pub fn ask(mut self, job: &Job, limit: Duration, stop: &AtomicBool) -> Result<(Self, Reply), NoReply> {
        let asked = serde_json::to_string(job).map_err(io::Error::from).and_then(|line| writeln!(self.input, "{line}"));
        if asked.is_err() {
            return Err(self.autopsy());
        }
        let mut waited = Duration::ZERO;
        loop {
            match self.replies.recv_timeout(GLANCE) {
                Ok(line) => {
                    let reply = line.and_then(|line| Ok(serde_json::from_str(&line)?));
                    return match reply {
                        Ok(reply) => Ok((self, reply)),
                        Err(error) => Err(NoReply::Died(format!("it answered no reply: {error}"))),
                    };
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.autopsy()),
                Err(RecvTimeoutError::Timeout) if stop.load(Ordering::Relaxed) => return Err(NoReply::Stopped),
                Err(RecvTimeoutError::Timeout) if waited >= limit => return Err(NoReply::TooLong(limit)),
                Err(RecvTimeoutError::Timeout) => waited += GLANCE,
            }
        }
    }

    /// What a worker died of.
    fn autopsy(mut self) -> NoReply {
        let ended = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let said = self.complaints.take().and_then(|complaints| complaints.join().ok()).unwrap_or_default();
        let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
        NoReply::Died(if last.is_empty() { ended } else { format!("{ended}: {last}") })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn last_of(mut stream: impl Read) -> String {
    let (mut last, mut piece) = (Vec::new(), [0; LAST_BYTES]);
    while let Ok(bytes @ 1..) = stream.read(&mut piece) {
        last.extend_from_slice(&piece[..bytes]);
        let surplus = last.len().saturating_sub(LAST_BYTES);
        last.drain(..surplus);
    }
    String::from_utf8_lossy(&last).into_owned()
}

impl fmt::Display for NoReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(limit) => write!(f, "hangs: no end within {} s", limit.as_secs()),
            Self::Died(how) => write!(f, "the process died: {how}"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}
