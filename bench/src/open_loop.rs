//! Requests that are due at times of their own, however long the answers take: as from a crowd that does not know how busy the servers are.
//!
//! Each connection has times of its own at which it asks, and one request on its way. What is due while that is still out waits for it
//! and is as late as the answer before; what is later than the deadline is never sent. So nothing is left out of the account because a
//! server was slow ('coordinated omission').

use std::{
    io,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    time::{sleep, sleep_until, timeout},
};

use crate::{
    dialect::{Answer, Session},
    load::{Keys, ask, percentile_us},
};

/// Before another try to connect.
const PAUSE: Duration = Duration::from_millis(20);

/// When one connection asks.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    pub began: Instant,
    /// After the beginning.
    pub first: Duration,
    pub every: Duration,
    pub until: Duration,
    /// What is answered later is of no use to anybody.
    pub deadline: Duration,
}

/// What became of the requests that were due in one second.
#[derive(Debug, Clone, Copy, Default)]
pub struct Second {
    /// Done, and before the deadline.
    good: u64,
    /// Done, and after it.
    late: u64,
    /// Refused before the deadline, with the time after which to try again.
    refused: u64,
    /// Refused later or without, or no answer.
    failed: u64,
    /// Due, and not sent before the deadline.
    unsent: u64,
}

/// By the second in which they were due.
#[derive(Debug, Default)]
pub struct Seconds {
    rows: Vec<Second>,
    good_us: Vec<u32>,
    pub first_failure: Option<String>,
}

impl Seconds {
    fn at(&mut self, due: Duration) -> &mut Second {
        let row = due.as_secs() as usize;
        self.rows.resize(self.rows.len().max(row + 1), Second::default());
        &mut self.rows[row]
    }

    fn count(&mut self, due: Duration, deadline: Duration, answer: Option<Answer>, took: Duration) {
        match answer {
            Some(Answer { refusal: None, .. }) if took <= deadline => {
                self.at(due).good += 1;
                self.good_us.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
            }
            Some(Answer { refusal: None, .. }) => self.at(due).late += 1,
            Some(Answer { says_when: true, .. }) if took <= deadline => self.at(due).refused += 1,
            other => {
                self.at(due).failed += 1;
                let why = other.and_then(|answer| answer.refusal).unwrap_or_else(|| "no answer".to_owned());
                self.first_failure.get_or_insert(why);
            }
        }
    }

    pub fn add(&mut self, other: Self) {
        self.rows.resize(self.rows.len().max(other.rows.len()), Second::default());
        for (mine, theirs) in self.rows.iter_mut().zip(other.rows) {
            mine.good += theirs.good;
            mine.late += theirs.late;
            mine.refused += theirs.refused;
            mine.failed += theirs.failed;
            mine.unsent += theirs.unsent;
        }
        self.good_us.extend(other.good_us);
        self.first_failure = self.first_failure.take().or(other.first_failure);
    }

    pub fn as_json(&mut self) -> Value {
        self.good_us.sort_unstable();
        let row = |second: &Second| {
            let Second { good, late, refused, failed, unsent } = second;
            json!({ "good": good, "late": late, "refused": refused, "failed": failed, "unsent": unsent })
        };
        json!({
            "p50_us": percentile_us(&self.good_us, 50.0),
            "p99_us": percentile_us(&self.good_us, 99.0),
            "first_failure": self.first_failure,
            "seconds": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }
}

/// One connection, until its time is over.
pub async fn drive(address: String, mut session: Session, mut keys: Keys, schedule: Schedule) -> Seconds {
    let Schedule { began, first, every, until, deadline } = schedule;
    let mut seconds = Seconds::default();
    let (mut stream, mut buffer) = (None, Vec::with_capacity(4_096));
    let mut due = first;
    while due < until {
        if began.elapsed() > due + deadline {
            seconds.at(due).unsent += 1;
            due += every;
            continue;
        }
        sleep_until((began + due).into()).await;
        let Some(key) = keys.next() else { break };
        // A server that hangs is given up, or the account would never end.
        let answered = timeout(10 * deadline, attempt(&address, &mut stream, &mut session, key, &mut buffer)).await;
        let answer = answered.ok().and_then(Result::ok);
        if answer.is_none() {
            stream = None;
            sleep(PAUSE).await;
        }
        let took = began.elapsed().saturating_sub(due);
        seconds.count(due, deadline, answer, took);
        due += every;
    }
    seconds
}

async fn attempt(
    address: &str,
    stream: &mut Option<TcpStream>,
    session: &mut Session,
    key: u32,
    buffer: &mut Vec<u8>,
) -> io::Result<Answer> {
    let mut open = match stream.take() {
        Some(open) => open,
        None => {
            let open = TcpStream::connect(address).await?;
            open.set_nodelay(true)?;
            open
        }
    };
    let answered = ask(&mut open, session, key, buffer).await?;
    let answer = session.read(&answered);
    *buffer = answered;
    // Who is over a limit of connections is answered once, and that is the end of it.
    if !answer.closes {
        *stream = Some(open);
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_due_is_counted_once_and_where_it_was_due() {
        let mut seconds = Seconds::default();
        let (deadline, soon) = (Duration::from_secs(1), Duration::from_millis(5));
        let refused = |says_when| Some(Answer { refusal: Some("503".to_owned()), says_when, ..Answer::default() });
        seconds.count(soon, deadline, Some(Answer::default()), soon);
        seconds.count(soon, deadline, Some(Answer::default()), 2 * deadline);
        seconds.count(deadline, deadline, refused(true), soon);
        seconds.count(deadline, deadline, refused(false), soon);
        seconds.count(deadline, deadline, None, soon);
        seconds.count(deadline, deadline, refused(true), 2 * deadline);
        let shown = seconds.as_json();
        assert_eq!(shown["seconds"][0], json!({ "good": 1, "late": 1, "refused": 0, "failed": 0, "unsent": 0 }));
        assert_eq!(shown["seconds"][1], json!({ "good": 0, "late": 0, "refused": 1, "failed": 3, "unsent": 0 }));
        assert_eq!((&shown["p99_us"], &shown["first_failure"]), (&json!(5_000), &json!("503")));
    }
}
