//! What can be done to processes: pause, slow down, end at an event; and nodes that nobody has started.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use causeway::{
    id::NodeId,
    node::Event,
    runtime::{Disk as _, DiskFile as _, Env, Incoming, Sent},
};
use causeway_sim::{
    observe::Observer,
    seeded::run_seeded,
    trace::Trace,
    world::{ClockChange, Death, SimEnv, World},
};

const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);
const SPARE: NodeId = NodeId(2);

/// Two processes and a node that nobody has started.
fn on_nodes<T, F>(scenario: impl FnOnce(Arc<World>, SimEnv, SimEnv) -> F + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + 'static,
{
    run_seeded(1, None, move |streams| {
        let world = World::start(3, streams, Trace::default());
        world.change_links(|_, _, link| link.latency_us = 100..=100);
        let (a, b) = (world.boot(A), world.boot(B));
        scenario(world, a, b)
    })
}

fn frame(number: u8) -> Bytes {
    vec![number].into()
}

/// Notes when the process hears each frame, as a task of its own.
fn listen(world: &Arc<World>, env: &SimEnv) -> Arc<Mutex<Vec<u64>>> {
    let heard = Arc::new(Mutex::new(vec![]));
    let (task, world, list) = (env.clone(), world.clone(), heard.clone());
    env.spawn(async move {
        loop {
            task.receive().await;
            list.lock().expect("one thread").push(world.now_us());
        }
    });
    heard
}

fn all(times: &Arc<Mutex<Vec<u64>>>) -> Vec<u64> {
    times.lock().expect("one thread").clone()
}

#[test]
fn a_paused_process_gets_its_frames_and_timers_late() {
    on_nodes(async |world, a, b| {
        let heard = listen(&world, &b);
        let timer = Arc::new(Mutex::new(vec![]));
        let (env, list, clock) = (b.clone(), timer.clone(), world.clone());
        b.spawn(async move {
            env.sleep_until(1_500_000).await;
            list.lock().expect("one thread").push(clock.now_us());
        });
        a.send(B, frame(1));
        world.sleep_us(500_000).await;
        world.pause(B);
        a.send(B, frame(2));
        world.sleep_us(2_500_000).await;
        world.resume(B);
        world.sleep_us(500_000).await;
        assert_eq!((all(&heard), all(&timer)), (vec![100, 3_000_000], vec![3_000_000]));
    });
}

#[test]
fn on_a_slow_node_everything_waits_in_one_line() {
    on_nodes(async |world, a, b| {
        world.set_slowness(B, 100);
        let heard = listen(&world, &b);
        (0..5).for_each(|number| assert_eq!(a.send(B, frame(number)), Sent::Handed));
        world.sleep_us(50).await;
        b.sleep_until(60).await;
        assert_eq!(world.now_us(), 2_060, "the timer comes first and takes its 2 ms");
        world.sleep_us(20_000).await;
        assert_eq!(all(&heard), [4_060, 6_060, 8_060, 10_060, 12_060], "then each frame");
        let start_us = world.now_us();
        world.turn(B).await;
        assert_eq!(world.now_us() - start_us, 2_000, "a request");
        world.change_disk(B, |disk| disk.sync_us = 300..=300);
        b.disk().open("x").await.expect("opens").sync().await.expect("syncs");
        assert_eq!(world.now_us() - start_us, 4_300, "a disk call");
        world.turn(A).await;
        assert_eq!(world.now_us() - start_us, 4_300, "another node is as fast as ever");
    });
}

#[test]
fn a_node_that_is_well_again_serves_at_once_what_waited() {
    on_nodes(async |world, a, b| {
        world.set_slowness(B, 1_000);
        let heard = listen(&world, &b);
        (0..50).for_each(|number| assert_eq!(a.send(B, frame(number)), Sent::Handed));
        world.sleep_us(100_000).await;
        assert_eq!(all(&heard).len(), 4);
        world.set_slowness(B, 1);
        a.send(B, frame(50));
        world.sleep_us(1_000).await;
        assert_eq!(all(&heard)[4..50], [100_000; 46]);
        assert_eq!(all(&heard)[50..], [100_100]);
    });
}

#[test]
fn what_waited_for_a_slow_process_dies_with_it() {
    on_nodes(async |world, a, b| {
        world.set_slowness(B, 1_000);
        (0..50).for_each(|number| assert_eq!(a.send(B, frame(number)), Sent::Handed));
        world.sleep_us(1_000).await;
        world.end(B, Death::Kill);
        drop(b);
        assert_eq!(world.network_stats().too_late, 50);
        let b = world.boot(B);
        a.send(B, frame(99));
        assert_eq!(b.receive().await, Incoming::Frame { from: A, bytes: frame(99) });
        assert_eq!(world.now_us(), 21_100, "the new process is as slow, and has nobody in its line");
    });
}

#[test]
fn a_sleep_ends_by_the_clock_even_when_that_changes_its_pace_meanwhile() {
    on_nodes(async |world, a, _| {
        let (sleeper, clock) = (a.clone(), world.clone());
        let woke = madsim::task::spawn(async move {
            sleeper.sleep_until(1_000_000).await;
            clock.now_us()
        });
        world.sleep_us(500_000).await;
        world.change_clock(A, ClockChange::Drift { ppm: 1_000_000 });
        assert_eq!(woke.await.expect("the task lives"), 750_000);
    });
}

#[test]
fn a_sleep_of_no_time_takes_none() {
    on_nodes(async |world, a, _| {
        for _ in 0..1_000 {
            world.sleep_us(0).await;
            a.sleep_until(0).await;
            world.turn(A).await;
        }
        assert_eq!(world.now_us(), 0);
    });
}

#[test]
fn time_stands_still_while_tasks_run_and_passes_although_they_never_rest() {
    on_nodes(async |world, _, _| {
        for _ in 0..10_000 {
            madsim::task::yield_now().await;
        }
        assert_eq!(world.now_us(), 0);
        let busy = madsim::task::spawn(async {
            loop {
                madsim::task::yield_now().await;
            }
        });
        world.sleep_us(10).await;
        assert_eq!(world.now_us(), 10);
        busy.abort();
    });
}

#[test]
fn nothing_happens_before_all_that_was_started_has_come_to_rest() {
    for seed in 0..50 {
        run_seeded(seed, None, async |streams| {
            let world = World::start(1, streams, Trace::default());
            let began = (0..5).map(|_| {
                let clock = world.clone();
                madsim::task::spawn(async move { clock.now_us() })
            });
            let began: Vec<_> = began.collect();
            world.sleep_us(1_000).await;
            for task in began {
                assert_eq!(task.await.expect("the task lives"), 0);
            }
        });
    }
}

/// Ends a node at its first event.
struct Assassin(Arc<World>);

impl Observer for Assassin {
    fn event(&mut self, _at_us: u64, node: NodeId, _event: &Event) {
        self.0.end(node, Death::PowerLoss);
    }
}

#[test]
fn a_process_that_is_ended_at_its_own_event_does_nothing_more() {
    on_nodes(async |world, a, b| {
        world.observe_with(Arc::new(Mutex::new(Assassin(world.clone()))));
        let (victim, file) = (a.clone(), a.disk().open("x").await.expect("opens"));
        a.spawn(async move {
            victim.observe(&Event::Down(B));
            assert_eq!(victim.send(B, frame(1)), Sent::Not);
            let _ = file.write_at(0, b"late").await;
            unreachable!("the dead write nothing");
        });
        assert_eq!(b.receive().await, Incoming::LinkDown(A));
        assert!(!world.lives(A));
        assert!(world.boot(A).disk().open("x").await.expect("opens").size().await.is_ok_and(|size| size == 0));
    });
}

#[test]
fn a_node_that_nobody_started_is_there_to_be_started() {
    on_nodes(async |world, a, _| {
        assert!(!world.lives(SPARE));
        assert_eq!(a.send(SPARE, frame(1)), Sent::Not, "no process listens");
        let spare = world.boot(SPARE);
        assert_eq!(a.send(SPARE, frame(2)), Sent::Handed);
        assert_eq!(spare.receive().await, Incoming::Frame { from: A, bytes: frame(2) });
        assert_eq!(spare.send(A, frame(3)), Sent::Handed);
        assert_eq!(a.receive().await, Incoming::Frame { from: SPARE, bytes: frame(3) });
    });
}
