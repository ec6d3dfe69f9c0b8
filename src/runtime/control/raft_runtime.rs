//! openraft's runtime, made of an [`Env`]: one for both worlds.
//!
//! openraft asks for tasks, timers and chance through static functions. So whatever polls a part of openraft says first in which
//! process it runs: [`within`] puts the process's `Env` where [`EnvRuntime`] finds it, for as long as the poll takes, and every task
//! that is spawned meanwhile is wrapped the same way. Thus raft sleeps by the node's own clock, dies with its process, and
//! is as slow or as paused as that; nothing here knows which world it is.
//!
//! The watch is the one that wakes in the order of waiting: tokio's draws lots.

use std::{
    cell::RefCell,
    fmt,
    future::Future,
    ops::{Add, AddAssign, Sub, SubAssign},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use openraft_rt::{AsyncRuntime, Instant};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokio::sync::oneshot;

use crate::runtime::Env;

/// What raft's clock shows when the process starts, so that times before that can be named.
const START_NS: u64 = 86_400 * 1_000_000_000;

type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An [`Env`], whatever its type.
trait Process: Send + Sync {
    fn now_us(&self) -> u64;
    fn sleep_until(&self, monotonic_us: u64) -> BoxFuture;
    fn spawn(&self, task: BoxFuture);
    fn random(&self) -> u64;
}

struct Of<E>(E);

impl<E: Env> Process for Of<E> {
    fn now_us(&self) -> u64 {
        self.0.now().monotonic_us
    }

    fn sleep_until(&self, monotonic_us: u64) -> BoxFuture {
        let env = self.0.clone();
        Box::pin(async move { env.sleep_until(monotonic_us).await })
    }

    fn spawn(&self, task: BoxFuture) {
        self.0.spawn(task);
    }

    fn random(&self) -> u64 {
        self.0.random()
    }
}

thread_local! {
    /// The process that is being polled on this thread.
    static CURRENT: RefCell<Option<Arc<dyn Process>>> = const { RefCell::new(None) };
}

fn current() -> Arc<dyn Process> {
    CURRENT.with_borrow(Clone::clone).expect("raft is polled by tasks of a process alone")
}

/// Puts a process where [`current`] finds it, and the one before back in the end, whatever happens.
struct Entered(Option<Arc<dyn Process>>);

impl Entered {
    fn new(process: &Arc<dyn Process>) -> Self {
        Self(CURRENT.replace(Some(process.clone())))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// A future that is polled, and dropped, in a process.
pub struct Within<F> {
    process: Arc<dyn Process>,
    future: Option<Pin<Box<F>>>,
}

/// Has everything of raft in a future run in a process.
pub fn within<E: Env, F: Future>(env: &E, future: F) -> Within<F> {
    Within { process: Arc::new(Of(env.clone())), future: Some(Box::pin(future)) }
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let _entered = Entered::new(&self.process);
        self.future.as_mut().expect("it is taken only when dropped").as_mut().poll(context)
    }
}

impl<F> Drop for Within<F> {
    fn drop(&mut self) {
        let _entered = Entered::new(&self.process);
        self.future = None;
    }
}

/// See the module.
#[derive(Debug)]
pub struct EnvRuntime;

/// A time by the node's monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EnvInstant {
    ns: u64,
}

impl Instant for EnvInstant {
    fn now() -> Self {
        Self { ns: START_NS + current().now_us() * 1_000 }
    }
}

impl EnvInstant {
    /// The first microsecond of the clock that is not before this.
    fn monotonic_us(self) -> u64 {
        self.ns.saturating_sub(START_NS).div_ceil(1_000)
    }
}

impl Add<Duration> for EnvInstant {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self { ns: self.ns.saturating_add(nanoseconds(span)) }
    }
}

impl Sub<Duration> for EnvInstant {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self { ns: self.ns.saturating_sub(nanoseconds(span)) }
    }
}

impl Sub for EnvInstant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.ns.saturating_sub(earlier.ns))
    }
}

impl AddAssign<Duration> for EnvInstant {
    fn add_assign(&mut self, span: Duration) {
        *self = *self + span;
    }
}

impl SubAssign<Duration> for EnvInstant {
    fn sub_assign(&mut self, span: Duration) {
        *self = *self - span;
    }
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// Waits for a time.
pub struct EnvSleep(BoxFuture);

impl Future for EnvSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(context)
    }
}

/// A time limit passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time is up")
    }
}

/// A future with a time limit.
pub struct EnvTimeout<F> {
    future: Pin<Box<F>>,
    sleep: EnvSleep,
}

impl<F: Future> Future for EnvTimeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(output) = self.future.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        Pin::new(&mut self.sleep).poll(context).map(|()| Err(Elapsed))
    }
}

/// A task ended without a result: it panicked, or its process is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskGone;

impl fmt::Display for TaskGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task ended without a result")
    }
}

/// The end of a task.
pub struct TaskHandle<T>(oneshot::Receiver<T>);

impl<T> Future for TaskHandle<T> {
    type Output = Result<T, TaskGone>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map_err(|_| TaskGone)
    }
}

impl AsyncRuntime for EnvRuntime {
    type JoinError = TaskGone;
    type JoinHandle<T: Send + 'static> = TaskHandle<T>;
    type Sleep = EnvSleep;
    type Instant = EnvInstant;
    type TimeoutError = Elapsed;
    type Timeout<R, T: Future<Output = R> + Send> = EnvTimeout<T>;
    type ThreadLocalRng = ChaCha8Rng;
    type Mpsc = openraft_rt_tokio::TokioMpsc;
    type Watch = openraft_rt_sim::SimWatch;
    type Oneshot = openraft_rt_tokio::TokioOneshot;
    type Mutex<T: Send + 'static> = openraft_rt_tokio::TokioMutex<T>;

    fn spawn<T>(future: T) -> TaskHandle<T::Output>
    where
        T: Future + Send + 'static,
        T::Output: Send + 'static,
    {
        let process = current();
        let (result, end) = oneshot::channel();
        let task = async move {
            // Nobody may wait for it.
            let _ = result.send(future.await);
        };
        process.spawn(Box::pin(Within { process: process.clone(), future: Some(Box::pin(task)) }));
        TaskHandle(end)
    }

    fn sleep(span: Duration) -> EnvSleep {
        Self::sleep_until(EnvInstant::now() + span)
    }

    fn sleep_until(until: EnvInstant) -> EnvSleep {
        EnvSleep(current().sleep_until(until.monotonic_us()))
    }

    fn timeout<R, F: Future<Output = R> + Send>(span: Duration, future: F) -> EnvTimeout<F> {
        EnvTimeout { future: Box::pin(future), sleep: Self::sleep(span) }
    }

    fn timeout_at<R, F: Future<Output = R> + Send>(until: EnvInstant, future: F) -> EnvTimeout<F> {
        EnvTimeout { future: Box::pin(future), sleep: Self::sleep_until(until) }
    }

    fn is_panic(_error: &TaskGone) -> bool {
        false
    }

    fn thread_rng() -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(current().random())
    }

    fn new(_threads: usize) -> Self {
        Self
    }

    fn block_on<F, T>(&mut self, _future: F) -> T
    where
        F: Future<Output = T>,
    {
        unreachable!("raft's own tests alone ask for this")
    }

    /// In place: what raft calls blocking is short.
    #[expect(refining_impl_trait, reason = "its future is known here, and needs no box")]
    fn spawn_blocking<F, T>(call: F) -> std::future::Ready<Result<T, std::io::Error>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        std::future::ready(Ok(call()))
    }
}
