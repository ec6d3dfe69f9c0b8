//! Every fault of the simulated network, seen to happen.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use causeway::{
    id::NodeId,
    message::Frame,
    runtime::{Env, Incoming, Sent},
};
use causeway_sim::{
    seeded::run_seeded,
    trace::Trace,
    world::{Death, Flow, Link, Order, SimEnv, World},
};

const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);

/// Two nodes on a link that `change` made faulty in the direction A to B.
fn on_link<T, F>(seed: u64, change: fn(&mut Link), scenario: fn(Arc<World>, SimEnv, SimEnv) -> F) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + 'static,
{
    run_seeded(seed, None, move |streams| {
        let world = World::start(2, streams, Trace::default());
        world.change_link(A, B, change);
        let (a, b) = (world.boot(A), world.boot(B));
        scenario(world, a, b)
    })
}

fn send(env: &SimEnv, to: NodeId, number: u16) -> Sent {
    env.send(to, Bytes::copy_from_slice(&number.to_be_bytes()))
}

fn send_all(env: &SimEnv, to: NodeId, numbers: Range<u16>) {
    for number in numbers {
        send(env, to, number);
    }
}

/// The numbers that arrive within a second.
async fn received(world: &Arc<World>, env: &SimEnv) -> Vec<u16> {
    let mut numbers = vec![];
    let end = world.sleep_us(1_000_000);
    tokio::pin!(end);
    loop {
        tokio::select! {
            biased;
            incoming = env.receive() => if let Incoming::Frame { bytes, .. } = incoming {
                numbers.push(u16::from_be_bytes([bytes[0], bytes[1]]));
            },
            () = &mut end => return numbers,
        }
    }
}

#[test]
fn a_healthy_link_delivers_in_order_within_its_latency() {
    on_link(
        1,
        |link| link.latency_us = 500..=900,
        |world, a, b| async move {
            let start_us = world.now_us();
            assert_eq!(send(&a, B, 7), Sent::Handed);
            b.receive().await;
            let took_us = world.now_us() - start_us;
            assert!((500..=900).contains(&took_us), "{took_us}");
            send_all(&a, B, 0..200);
            assert_eq!(received(&world, &b).await, (0..200).collect::<Vec<_>>());
        },
    );
}

#[test]
fn an_unordered_link_lets_frames_overtake() {
    on_link(
        1,
        |link| link.order = Order::Any,
        |world, a, b| async move {
            send_all(&a, B, 0..200);
            let mut numbers = received(&world, &b).await;
            assert!(!numbers.is_sorted());
            numbers.sort_unstable();
            assert_eq!(numbers, (0..200).collect::<Vec<_>>());
            assert!(world.network_stats().overtaken > 0);
        },
    );
}

#[test]
fn loss_and_duplication_happen_about_as_often_as_asked() {
    on_link(
        1,
        |link| link.loss = 0.2,
        |world, a, b| async move {
            (0..1_000).for_each(|number| assert_eq!(send(&a, B, number), Sent::Handed));
            let arrived = received(&world, &b).await.len() as u64;
            let lost = world.network_stats().lost;
            assert!((150..250).contains(&lost) && arrived == 1_000 - lost, "{lost} {arrived}");
            world.change_link(A, B, |link| *link = Link { duplication: 0.3, ..Link::default() });
            send_all(&a, B, 0..1_000);
            let arrived = received(&world, &b).await.len() as u64;
            let duplicated = world.network_stats().duplicated;
            assert!((250..350).contains(&duplicated) && arrived == 1_000 + duplicated, "{duplicated} {arrived}");
        },
    );
}

#[test]
fn a_flipped_bit_is_refused_by_the_decoder_and_closes_the_connection() {
    on_link(
        1,
        |_| {},
        |world, a, b| async move {
            for round in 0..200 {
                world.change_link(A, B, |link| link.damage = 1.0);
                send(&a, B, 1);
                world.change_link(A, B, |link| link.damage = 0.0);
                send(&a, B, 2);
                assert_eq!(a.receive().await, Incoming::LinkDown(B));
                assert_eq!(b.receive().await, Incoming::LinkDown(A));
                send(&a, B, 3);
                assert_eq!(received(&world, &b).await, [3], "what was behind it is lost, what comes after the break is not");
                assert_eq!(world.network_stats().damaged, round + 1);
            }
        },
    );
}

#[test]
fn a_delay_that_changes_holds_for_what_is_sent_from_then_on() {
    on_link(
        1,
        |link| (link.latency_us, link.order) = (50_000..=50_000, Order::Any),
        |world, a, b| async move {
            send(&a, B, 1);
            world.change_link(A, B, |link| link.latency_us = 100..=100);
            send(&a, B, 2);
            world.sleep_us(100).await;
            assert_eq!(b.receive().await, Incoming::Frame { from: A, bytes: Bytes::from_static(&[0, 2]) });
            assert_eq!(world.now_us(), 100);
            b.receive().await;
            assert_eq!(world.now_us(), 50_000);
        },
    );
}

#[test]
fn a_cut_works_in_one_direction_and_loses_what_is_on_its_way() {
    on_link(
        1,
        |_| {},
        |world, a, b| async move {
            send(&a, B, 1);
            world.change_link(A, B, |link| link.flow = Flow::Cut);
            assert_eq!(send(&a, B, 2), Sent::Handed);
            send(&b, A, 3);
            assert!(received(&world, &b).await.is_empty());
            assert_eq!(received(&world, &a).await, [3]);
            world.change_link(A, B, |link| link.flow = Flow::Open);
            send(&a, B, 4);
            assert_eq!(received(&world, &b).await, [4]);
            assert_eq!(world.network_stats().cut, 2);
        },
    );
}

#[test]
fn what_was_held_arrives_in_order_after_the_release() {
    on_link(
        1,
        |_| {},
        |world, a, b| async move {
            send(&a, B, 1);
            world.change_link(A, B, |link| link.flow = Flow::Held);
            send_all(&a, B, 2..9);
            assert!(received(&world, &b).await.is_empty());
            world.change_link(A, B, |link| link.flow = Flow::Open);
            assert_eq!(received(&world, &b).await, (1..9).collect::<Vec<_>>());
            assert_eq!(world.network_stats().held, 8);
        },
    );
}

#[test]
fn a_death_breaks_links_and_refuses_frames() {
    on_link(
        1,
        |_| {},
        |world, a, b| async move {
            send(&b, A, 5);
            world.end(B, Death::Kill);
            assert_eq!(a.receive().await, Incoming::Frame { from: B, bytes: Bytes::from_static(&[0, 5]) });
            assert_eq!(a.receive().await, Incoming::LinkDown(B));
            assert_eq!(send(&a, B, 6), Sent::Not);
            assert_eq!(send(&b, A, 7), Sent::Not, "the dead send nothing");
            world.change_link(A, B, |link| link.flow = Flow::Cut);
            assert_eq!(send(&a, B, 8), Sent::Handed, "behind a cut nobody learns of a death");
        },
    );
}

#[test]
fn behind_a_cut_a_death_breaks_no_link() {
    on_link(
        1,
        |_| {},
        |world, a, _| async move {
            world.change_link(B, A, |link| link.flow = Flow::Cut);
            world.end(B, Death::Kill);
            let heard =
                tokio::select! { biased; incoming = a.receive() => Some(incoming), () = world.sleep_us(1_000_000) => None };
            assert_eq!(heard, None);
        },
    );
}

#[test]
fn the_sender_on_a_cut_link_learns_late_that_it_broke() {
    on_link(
        1,
        |link| (link.flow, link.timeout_us) = (Flow::Cut, 300_000),
        |world, a, b| async move {
            assert_eq!(send(&a, B, 1), Sent::Handed);
            world.sleep_us(299_000).await;
            assert_eq!(send(&a, B, 2), Sent::Handed);
            assert_eq!(a.receive().await, Incoming::LinkDown(B));
            assert_eq!(world.now_us(), 300_000);
            assert_eq!(send(&a, B, 3), Sent::Not);
            world.change_link(A, B, |link| link.flow = Flow::Open);
            assert_eq!(send(&a, B, 4), Sent::Handed);
            assert_eq!(received(&world, &b).await, [4]);
        },
    );
}

#[test]
fn a_cut_that_heals_in_time_is_not_noticed() {
    on_link(
        1,
        |link| link.flow = Flow::Cut,
        |world, a, _| async move {
            send(&a, B, 1);
            world.change_link(A, B, |link| link.flow = Flow::Open);
            let heard =
                tokio::select! { biased; incoming = a.receive() => Some(incoming), () = world.sleep_us(2_000_000) => None };
            assert_eq!(heard, None);
        },
    );
}

#[test]
fn a_reset_loses_what_is_on_its_way_and_tells_both_ends() {
    on_link(
        1,
        |_| {},
        |world, a, b| async move {
            send(&a, B, 1);
            send(&b, A, 2);
            world.reset_link(A, B);
            send(&a, B, 3);
            assert_eq!(b.receive().await, Incoming::LinkDown(A));
            assert_eq!(a.receive().await, Incoming::LinkDown(B));
            assert_eq!(received(&world, &b).await, [3]);
            assert_eq!(a.receive().await, Incoming::Frame { from: B, bytes: Bytes::from_static(&[0, 2]) });
        },
    );
}

#[test]
#[should_panic(expected = "a storm of frames")]
fn nodes_that_answer_each_other_without_end_are_stopped() {
    on_link(
        1,
        |link| link.latency_us = 0..=1,
        |_, a, b| async move {
            for (from, to) in [(a.clone(), B), (b, A)] {
                from.clone().spawn(async move {
                    loop {
                        from.receive().await;
                        (0..2).for_each(|number| assert_eq!(send(&from, to, number), Sent::Handed));
                    }
                });
            }
            send(&a, B, 0);
            a.sleep_until(10_000_000).await;
        },
    );
}

#[test]
fn a_new_process_hears_nothing_that_was_sent_to_the_one_before() {
    on_link(
        1,
        |_| {},
        |world, a, b| async move {
            send(&a, B, 1);
            world.end(B, Death::Kill);
            let b_again = world.boot(B);
            send(&a, B, 2);
            assert_eq!(received(&world, &b_again).await, [2]);
            let old = tokio::select! { biased; incoming = b.receive() => Some(incoming), () = world.sleep_us(1_000_000) => None };
            assert_eq!(old, None);
            assert_eq!(world.network_stats().too_late, 1);
        },
    );
}

#[test]
fn a_node_of_an_earlier_version_hears_what_that_knew() {
    on_link(
        1,
        |_| {},
        |world, a, b| async move {
            world.pin(B);
            let query = postcard::to_allocvec(&Frame::ConfigLog(Bytes::from_static(b"x"))).unwrap();
            let with_more = [query.as_slice(), &[9]].concat();
            let sent = [query.clone(), with_more, vec![2], vec![0, 0, 1, 9, 15]];
            sent.iter().for_each(|frame| assert_eq!(a.send(B, Bytes::copy_from_slice(frame)), Sent::Handed));
            for _ in 0..2 {
                let Incoming::Frame { bytes, .. } = b.receive().await else { panic!("the link broke") };
                assert_eq!(bytes, query);
            }
            world.sleep_us(1_000_000).await;
            assert_eq!(b.send(A, Bytes::from_static(&[2])), Sent::Handed);
            b.send(A, Bytes::from(query.clone()));
            let Incoming::Frame { bytes, .. } = a.receive().await else { panic!("the link broke") };
            assert_eq!(bytes, query, "what its version does not know it does not send");
            let stats = world.network_stats();
            assert_eq!((stats.unread, stats.read_in_part), (3, 1));
        },
    );
}
