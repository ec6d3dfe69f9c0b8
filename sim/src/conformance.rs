//! What every world owes a node, as checks that run against any [`Env`]: the promises written on the trait, one function each.
//!
//! A stage sets up nodes in some world; a check plays on it. Checks know no world: time passes by `sleep_until` only. Before a
//! node is started again they drop all they hold of the process before: a real one would hold the lock of its folder.

use std::{collections::BTreeSet, future::Future, io::ErrorKind};

use bytes::Bytes;
use causeway::{
    id::NodeId,
    runtime::{Disk, DiskFile, Env, Incoming, Sent},
};

/// Two nodes, [`FIRST`] and [`SECOND`], on a healthy link, with empty disks.
pub trait Stage {
    /// The world that is checked.
    type Env: Env;

    /// Starts a node's process.
    fn start(&mut self, node: NodeId) -> impl Future<Output = Self::Env>;

    /// Ends a node's process.
    fn kill(&mut self, node: NodeId) -> impl Future<Output = ()>;
}

/// One of the two nodes.
pub const FIRST: NodeId = NodeId(0);
/// The other one.
pub const SECOND: NodeId = NodeId(1);

/// How long anything may take that should happen soon, by a node's own clock.
const SOON_US: u64 = 5_000_000;

/// The clocks are in the units that their names say, and the monotonic one never goes back.
pub async fn clocks_run<S: Stage>(stage: &mut S) {
    let env = stage.start(FIRST).await;
    let first = env.now();
    assert!(first.wall_ms > 1_500_000_000_000, "a wall clock counts milliseconds since 1970, and shows {}", first.wall_ms);
    let mut last = first;
    for step in 1..=20 {
        env.sleep_until(first.monotonic_us + step * 2_000).await;
        let now = env.now();
        assert!(now.monotonic_us >= last.monotonic_us, "{} after {}", now.monotonic_us, last.monotonic_us);
        last = now;
    }
    let (monotonic_ms, wall_ms) = ((last.monotonic_us - first.monotonic_us) / 1_000, last.wall_ms - first.wall_ms);
    assert!(wall_ms.abs_diff(monotonic_ms) <= 20, "{wall_ms} ms by the wall, {monotonic_ms} ms by the monotonic clock");
}

/// A sleep ends when its moment has come, not before; at once if it has come already.
pub async fn sleeps_end_in_time<S: Stage>(stage: &mut S) {
    let env = stage.start(FIRST).await;
    let start_us = env.now().monotonic_us;
    env.sleep_until(start_us).await;
    env.sleep_until(0).await;
    env.sleep_until(start_us + 30_000).await;
    let woke_us = env.now().monotonic_us;
    assert!((start_us + 30_000..start_us + 30_000 + SOON_US).contains(&woke_us), "{woke_us} after {start_us}");
    let short_first = tokio::select! {
        biased;
        () = env.sleep_until(woke_us + 60_000_000) => false,
        () = env.sleep_until(woke_us + 10_000) => true,
    };
    assert!(short_first);
}

/// Two incarnations, and two nodes, draw different random numbers.
pub async fn random_numbers_differ<S: Stage>(stage: &mut S) {
    let mut seen = BTreeSet::new();
    let (first, second) = (stage.start(FIRST).await, stage.start(SECOND).await);
    seen.extend([first.random(), first.random(), second.random()]);
    stage.kill(FIRST).await;
    drop(first);
    seen.insert(stage.start(FIRST).await.random());
    assert_eq!(seen.len(), 4, "{seen:?}");
}

/// Frames of any size arrive whole, in order and once on a healthy link, both ways, with the sender's name.
pub async fn frames_arrive_in_order<S: Stage>(stage: &mut S) {
    let (first, second) = (stage.start(FIRST).await, stage.start(SECOND).await);
    connected(&first, &second).await;
    let frames: Vec<Bytes> = (0..100u32).map(|number| frame(number, number as usize * 300)).collect();
    for (from, to) in [((&first, FIRST), (&second, SECOND)), ((&second, SECOND), (&first, FIRST))] {
        for frame in &frames {
            assert_eq!(from.0.send(to.1, frame.clone()), Sent::Handed);
        }
        for frame in &frames {
            let incoming = soon(to.0, "a frame").await;
            assert_eq!(incoming, Incoming::Frame { from: from.1, bytes: frame.clone() });
        }
    }
}

/// `receive` loses nothing when it is dropped while it waits.
pub async fn receive_is_cancel_safe<S: Stage>(stage: &mut S) {
    let (first, second) = (stage.start(FIRST).await, stage.start(SECOND).await);
    connected(&first, &second).await;
    let mut next = 0;
    for number in 0..50 {
        assert_eq!(first.send(SECOND, frame(number, 10)), Sent::Handed);
        let until_us = second.now().monotonic_us + 300;
        tokio::select! {
            biased;
            incoming = second.receive() => {
                assert_eq!(incoming, Incoming::Frame { from: FIRST, bytes: frame(next, 10) });
                next += 1;
            }
            () = second.sleep_until(until_us) => {}
        }
    }
    while next < 50 {
        assert_eq!(soon(&second, "a frame").await, Incoming::Frame { from: FIRST, bytes: frame(next, 10) });
        next += 1;
    }
}

/// A node learns that a peer's process died, its frames to it are then refused, and a new process is reached again.
pub async fn a_death_is_noticed<S: Stage>(stage: &mut S) {
    let (first, second) = (stage.start(FIRST).await, stage.start(SECOND).await);
    connected(&first, &second).await;
    stage.kill(SECOND).await;
    while soon(&first, "the break of the link").await != Incoming::LinkDown(SECOND) {}
    let deadline_us = first.now().monotonic_us + SOON_US;
    while first.send(SECOND, frame(0, 1)) != Sent::Not {
        assert!(first.now().monotonic_us < deadline_us, "frames to a dead process are still taken");
        pause(&first).await;
    }
    drop(second);
    let second = stage.start(SECOND).await;
    connected(&first, &second).await;
}

/// A task that a process started ends with it.
pub async fn tasks_end_with_their_process<S: Stage>(stage: &mut S) {
    let (first, second) = (stage.start(FIRST).await, stage.start(SECOND).await);
    let (alive, mut ended) = tokio::sync::oneshot::channel::<()>();
    let env = first.clone();
    first.spawn(async move {
        env.sleep_until(u64::MAX / 4).await;
        drop(alive);
    });
    pause(&second).await;
    assert!(ended.try_recv().is_err_and(|error| error == tokio::sync::oneshot::error::TryRecvError::Empty));
    stage.kill(FIRST).await;
    drop(first);
    let limit_us = second.now().monotonic_us + SOON_US;
    tokio::select! {
        biased;
        _ = &mut ended => {}
        () = second.sleep_until(limit_us) => panic!("a task outlived its process"),
    }
}

/// Files hold what was written, where it was written, and know their size.
pub async fn files_hold_what_is_written<S: Stage>(stage: &mut S) {
    let disk = stage.start(FIRST).await.disk();
    let file = disk.open("log-1").await.expect("a new file opens");
    assert_eq!(file.size().await.expect("has a size"), 0);
    file.write_at(0, b"hello").await.expect("writes");
    file.write_at(1_000, b"world").await.expect("writes beyond the end");
    file.write_at(1, b"E").await.expect("writes inside");
    assert_eq!(file.size().await.expect("has a size"), 1_005);
    let mut bytes = [1; 1_005];
    file.read_at(0, &mut bytes).await.expect("reads all");
    assert_eq!((&bytes[..5], &bytes[1_000..]), (&b"hEllo"[..], &b"world"[..]));
    assert!(bytes[5..1_000].iter().all(|byte| *byte == 0), "a gap reads as zeros");
    file.truncate(3).await.expect("shrinks");
    file.truncate(5).await.expect("grows");
    let mut bytes = [1; 5];
    file.read_at(0, &mut bytes).await.expect("reads");
    assert_eq!(&bytes, b"hEl\0\0");
    let beyond = file.read_at(3, &mut bytes).await.expect_err("the file ends before");
    assert_eq!(beyond.kind(), ErrorKind::UnexpectedEof);
    file.sync().await.expect("syncs");
}

/// A folder lists its files sorted, and removes, renames and reopens them.
pub async fn folders_know_their_files<S: Stage>(stage: &mut S) {
    let disk = stage.start(FIRST).await.disk();
    assert_eq!(disk.list().await.expect("lists"), Vec::<String>::new());
    for name in ["b", "a", "c"] {
        disk.open(name).await.expect("opens").write_at(0, name.as_bytes()).await.expect("writes");
    }
    assert_eq!(disk.list().await.expect("lists"), ["a", "b", "c"]);
    disk.rename("c", "a").await.expect("renames over another");
    disk.remove("b").await.expect("removes");
    disk.sync_dir().await.expect("syncs");
    assert_eq!(disk.list().await.expect("lists"), ["a"]);
    let mut byte = [0];
    disk.open("a").await.expect("opens").read_at(0, &mut byte).await.expect("reads");
    assert_eq!(byte, *b"c");
    assert_eq!(disk.remove("b").await.expect_err("is not there").kind(), ErrorKind::NotFound);
    assert_eq!(disk.rename("b", "d").await.expect_err("is not there").kind(), ErrorKind::NotFound);
}

/// What a process made durable, the next one finds.
pub async fn synced_data_outlives_the_process<S: Stage>(stage: &mut S) {
    let disk = stage.start(FIRST).await.disk();
    let file = disk.open("log-1").await.expect("opens");
    file.write_at(0, b"kept").await.expect("writes");
    file.sync().await.expect("syncs");
    disk.sync_dir().await.expect("syncs");
    stage.kill(FIRST).await;
    drop((file, disk));
    let disk = stage.start(FIRST).await.disk();
    assert_eq!(disk.list().await.expect("lists"), ["log-1"]);
    let mut bytes = [0; 4];
    disk.open("log-1").await.expect("opens").read_at(0, &mut bytes).await.expect("reads");
    assert_eq!(&bytes, b"kept");
}

/// Runs each check as a test of its own: `$run` is a macro that takes the name of one.
#[macro_export]
macro_rules! conformance_checks {
    ($run:ident) => {
        $run!(clocks_run);
        $run!(sleeps_end_in_time);
        $run!(random_numbers_differ);
        $run!(frames_arrive_in_order);
        $run!(receive_is_cancel_safe);
        $run!(a_death_is_noticed);
        $run!(tasks_end_with_their_process);
        $run!(files_hold_what_is_written);
        $run!(folders_know_their_files);
        $run!(synced_data_outlives_the_process);
    };
}

/// The next thing that comes in, which should come soon.
async fn soon<E: Env>(env: &E, what: &str) -> Incoming {
    let limit_us = env.now().monotonic_us + SOON_US;
    tokio::select! {
        biased;
        incoming = env.receive() => incoming,
        () = env.sleep_until(limit_us) => panic!("waited {SOON_US} us for {what}"),
    }
}

/// Lets a moment pass.
async fn pause<E: Env>(env: &E) {
    env.sleep_until(env.now().monotonic_us + 10_000).await;
}

/// Returns once frames pass both ways, with nothing left in the inboxes: a world may need some time to connect.
async fn connected<E: Env>(first: &E, second: &E) {
    for (from, to, to_name) in [(first, second, SECOND), (second, first, FIRST)] {
        let deadline_us = from.now().monotonic_us + SOON_US;
        let hello = Bytes::from_static(b"connected");
        while from.send(to_name, hello.clone()) == Sent::Not {
            assert!(from.now().monotonic_us < deadline_us, "no link within {SOON_US} us");
            pause(from).await;
        }
        while !matches!(soon(to, "the first frame").await, Incoming::Frame { bytes, .. } if bytes == hello) {}
    }
}

fn frame(number: u32, length: usize) -> Bytes {
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.resize(4 + length, number as u8);
    bytes.into()
}
