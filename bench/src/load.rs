//! Connections that ask, wait, and ask again.

use std::{
    cell::Cell,
    ops::Range,
    rc::Rc,
    time::{Duration, Instant},
};

use clap::Parser;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::LocalSet,
};

use crate::{
    dialect::{Answer, Dialect, Kind, Session},
    open_loop::{self, Schedule, Seconds},
};

/// So many connections, each with one request on its way, for so many seconds. Prints one line of JSON.
#[derive(Parser)]
pub struct Load {
    /// What the servers speak.
    #[arg(long, value_enum)]
    dialect: Dialect,
    /// What is asked.
    #[arg(long, value_enum)]
    kind: Kind,
    /// How many connections, in turn to each of the addresses.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// For how long.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many keys; each has 13 bytes.
    #[arg(long, default_value_t = 1_000)]
    keys: u32,
    /// Bytes of a value.
    #[arg(long, default_value_t = 100)]
    value_bytes: usize,
    /// Replicas that must have a write before it is answered: `Write-Concern` for causeway; for Redis `WAIT` for one less.
    #[arg(long, default_value_t = 1)]
    replicas: u8,
    /// Asks for each key once, and then ends.
    #[arg(long)]
    each: bool,
    /// So many requests a second in all, at times that do not depend on the answers.
    #[arg(long, conflicts_with = "each")]
    rate: Option<u32>,
    /// With a rate: what is answered later is of no use, in milliseconds.
    #[arg(long, default_value_t = 1_000)]
    deadline_ms: u64,
    /// Asks only for keys of this shard, which the servers name in their answers.
    #[arg(long)]
    shard: Option<String>,
    /// HOST:PORT of the servers.
    #[arg(required = true)]
    addresses: Vec<String>,
}

/// What came of it. `latencies_us` holds those of answers that were not refusals.
#[derive(Default)]
pub struct Totals {
    pub latencies_us: Vec<u32>,
    pub failed: u64,
    pub first_failure: Option<String>,
    pub took: Duration,
    pub longest_token: usize,
    token_bytes: u64,
}

impl Totals {
    /// The latency that so many of a hundred answers do not exceed; 0 without answers.
    pub fn percentile_us(&self, percent: f64) -> u32 {
        percentile_us(&self.latencies_us, percent)
    }

    /// Bytes of the tokens in the answers.
    pub fn mean_token(&self) -> f64 {
        self.token_bytes as f64 / self.latencies_us.len().max(1) as f64
    }

    fn count(&mut self, answer: Answer, latency: Duration) {
        self.token_bytes += answer.token_bytes as u64;
        self.longest_token = self.longest_token.max(answer.token_bytes);
        match answer.refusal {
            None => self.latencies_us.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX)),
            Some(why) => {
                self.failed += 1;
                self.first_failure.get_or_insert(why);
            }
        }
    }

    fn add(&mut self, other: Totals) {
        self.latencies_us.extend(other.latencies_us);
        self.failed += other.failed;
        self.first_failure = self.first_failure.take().or(other.first_failure);
        self.longest_token = self.longest_token.max(other.longest_token);
        self.token_bytes += other.token_bytes;
    }
}

/// The latency that so many of a hundred do not exceed, of those in order; 0 where there are none.
pub fn percentile_us(sorted_us: &[u32], percent: f64) -> u32 {
    let place = (sorted_us.len() as f64 * percent / 100.0) as usize;
    sorted_us.get(place.min(sorted_us.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// Which key is next.
pub enum Keys {
    Random(Rc<[u32]>, Box<ChaCha8Rng>),
    /// Each of them once, by all connections together.
    Each(Rc<[u32]>, Rc<Cell<usize>>),
}

impl Keys {
    fn random(keys: &Rc<[u32]>, seed: usize) -> Self {
        Self::Random(keys.clone(), Box::new(ChaCha8Rng::seed_from_u64(seed as u64)))
    }

    /// None when all had their turn.
    pub fn next(&mut self) -> Option<u32> {
        match self {
            Self::Random(keys, random) => Some(keys[random.random_range(0..keys.len())]),
            Self::Each(keys, place) => keys.get(place.replace(place.get() + 1)).copied(),
        }
    }
}

impl Load {
    /// Runs it.
    ///
    /// # Errors
    /// A connection cannot be made, or breaks; or no key is in the shard.
    pub async fn run(&self) -> io::Result<Totals> {
        let (keys, place) = (self.all_keys().await?, Rc::new(Cell::new(0)));
        let mut streams = Vec::new();
        for number in 0..self.connections {
            streams.push(self.connect(number).await?);
        }
        let began = Instant::now();
        let until = began + Duration::from_secs(self.seconds);
        let tasks = LocalSet::new();
        let mut running = Vec::new();
        for (number, stream) in streams.into_iter().enumerate() {
            let session = self.session(number);
            let keys = if self.each { Keys::Each(keys.clone(), place.clone()) } else { Keys::random(&keys, number) };
            let until = (!self.each).then_some(until);
            running.push(tasks.spawn_local(drive(stream, session, keys, until)));
        }
        let mut totals = Totals::default();
        tasks
            .run_until(async {
                for task in running {
                    totals.add(task.await.map_err(io::Error::other)??);
                }
                Ok::<_, io::Error>(())
            })
            .await?;
        totals.took = began.elapsed();
        totals.latencies_us.sort_unstable();
        Ok(totals)
    }

    /// Runs it with a rate.
    ///
    /// # Errors
    /// No key is in the shard, or nobody answers what is asked to find that out.
    pub async fn run_at(&self, rate: u32) -> io::Result<Seconds> {
        let keys = self.all_keys().await?;
        let every = Duration::from_secs_f64(self.connections as f64 / f64::from(rate.max(1)));
        let began = Instant::now();
        let tasks = LocalSet::new();
        let mut running = Vec::new();
        for number in 0..self.connections {
            let schedule = Schedule {
                began,
                first: every.mul_f64(number as f64 / self.connections as f64),
                every,
                until: Duration::from_secs(self.seconds),
                deadline: Duration::from_millis(self.deadline_ms),
            };
            let address = self.address(number).to_owned();
            running.push(tasks.spawn_local(open_loop::drive(
                address,
                self.session(number),
                Keys::random(&keys, number),
                schedule,
            )));
        }
        let mut seconds = Seconds::default();
        tasks
            .run_until(async {
                for task in running {
                    seconds.add(task.await.map_err(io::Error::other)?);
                }
                Ok::<_, io::Error>(())
            })
            .await?;
        Ok(seconds)
    }

    /// The rate, if there is one.
    pub fn rate(&self) -> Option<u32> {
        self.rate
    }

    async fn all_keys(&self) -> io::Result<Rc<[u32]>> {
        let all = 0..self.keys;
        Ok(match &self.shard {
            Some(shard) => self.keys_of(shard, all).await?.into(),
            None => all.collect(),
        })
    }

    /// Those of the keys whose answers name this shard.
    async fn keys_of(&self, shard: &str, keys: Range<u32>) -> io::Result<Vec<u32>> {
        let mut stream = self.connect(0).await?;
        let mut session = Session::new(self.dialect, Kind::Get, self.replicas, 0, &self.addresses[0]);
        let named = format!(r#""shard-id":"{shard}""#);
        let mut found = Vec::new();
        for key in keys {
            let answered = ask(&mut stream, &mut session, key, &mut Vec::new()).await?;
            if answered.windows(named.len()).any(|window| window == named.as_bytes()) {
                found.push(key);
            }
        }
        if found.is_empty() { Err(io::Error::other(format!("no key is in {shard}"))) } else { Ok(found) }
    }

    async fn connect(&self, number: usize) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.address(number)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn session(&self, number: usize) -> Session {
        Session::new(self.dialect, self.kind, self.replicas, self.value_bytes, self.address(number))
    }

    fn address(&self, number: usize) -> &str {
        &self.addresses[number % self.addresses.len()]
    }
}

async fn drive(mut stream: TcpStream, mut session: Session, mut keys: Keys, until: Option<Instant>) -> io::Result<Totals> {
    let mut totals = Totals::default();
    let mut buffer = Vec::with_capacity(4_096);
    while let Some(key) = keys.next() {
        let asked = Instant::now();
        if until.is_some_and(|until| asked >= until) {
            break;
        }
        let answered = ask(&mut stream, &mut session, key, &mut buffer).await?;
        let answer = session.read(&answered);
        buffer = answered;
        totals.count(answer, asked.elapsed());
    }
    Ok(totals)
}

/// Asks for one key and gives the bytes of the answer, in the buffer that it was given.
pub async fn ask(stream: &mut TcpStream, session: &mut Session, key: u32, buffer: &mut Vec<u8>) -> io::Result<Vec<u8>> {
    stream.write_all(session.request(key)).await?;
    let mut answer = std::mem::take(buffer);
    answer.clear();
    while !session.is_whole(&answer)? {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(answer)
}
