//! The hybrid clock rises strictly with each tick, whatever the wall does, and keeps its promises.

use causeway::clock::{Hlc, HybridClock};
use proptest::{collection::vec, prelude::*};

#[derive(Debug, Clone, Copy)]
enum Step {
    Tick { wall_ms: u64, floor: Hlc },
    Promise { wall_ms: u64 },
    Observe(Hlc),
}

fn step() -> impl Strategy<Value = Step> {
    // Walls that jump both ways; times seen that are near, so that counters fill up and carry.
    let wall = || prop_oneof![0..50u64, Just(0)];
    let seen = || (0..50u64, prop_oneof![0..3u64, Just(u64::from(u16::MAX))]).prop_map(|(ms, counter)| Hlc((ms << 16) + counter));
    prop_oneof![
        (wall(), seen()).prop_map(|(wall_ms, floor)| Step::Tick { wall_ms, floor }),
        wall().prop_map(|wall_ms| Step::Promise { wall_ms }),
        seen().prop_map(Step::Observe),
    ]
}

proptest! {
    #[test]
    fn a_tick_is_above_all_before_it(start in 0..50u64, steps in vec(step(), 1..60)) {
        let mut clock = HybridClock::starting_at(Hlc::from_millis(start));
        let mut highest = clock.last();
        for step in steps {
            match step {
                Step::Tick { wall_ms, floor } => {
                    let tick = clock.tick(wall_ms, floor);
                    prop_assert!(tick > highest && tick > floor && tick >= Hlc::from_millis(wall_ms));
                    highest = tick;
                }
                Step::Promise { wall_ms } => {
                    let promise = clock.read(wall_ms);
                    prop_assert!(promise >= highest && promise >= Hlc::from_millis(wall_ms));
                    highest = promise;
                }
                Step::Observe(seen) => {
                    clock.observe(seen);
                    highest = highest.max(seen);
                }
            }
            prop_assert_eq!(clock.last(), highest);
        }
    }

    #[test]
    fn the_clock_stays_at_the_wall_when_the_wall_moves(walls in vec(0..1u64 << 47, 1..20)) {
        let mut walls = walls;
        walls.sort_unstable();
        walls.dedup();
        let mut clock = HybridClock::default();
        for wall_ms in walls.into_iter().filter(|wall_ms| *wall_ms > 0) {
            prop_assert_eq!(clock.tick(wall_ms, Hlc::ZERO), Hlc::from_millis(wall_ms));
        }
    }

    #[test]
    fn parts_and_neighbours_fit(number in any::<u64>()) {
        let hlc = Hlc(number);
        prop_assert_eq!((hlc.millis() << 16) + u64::from(hlc.counter()), number);
        prop_assert!(hlc.previous() <= hlc && hlc <= hlc.next());
        prop_assert!(hlc == Hlc(u64::MAX) || hlc.next().previous() == hlc);
    }

    #[test]
    fn far_times_stop_at_the_end_and_never_wrap(near in any::<u64>(), far in any::<u64>()) {
        let (near, far) = (near.min(far), near.max(far));
        prop_assert!(Hlc::from_millis(near) <= Hlc::from_millis(far));
        prop_assert!(Hlc(near).plus_millis(far) >= Hlc(near));
        prop_assert!(Hlc::ZERO.plus_millis(near) <= Hlc::ZERO.plus_millis(far));
    }
}

#[test]
fn a_full_counter_carries_into_the_milliseconds() {
    let mut clock = HybridClock::starting_at(Hlc((5 << 16) + u64::from(u16::MAX)));
    let tick = clock.tick(5, Hlc::ZERO);
    assert_eq!((tick.millis(), tick.counter()), (6, 0));
}
