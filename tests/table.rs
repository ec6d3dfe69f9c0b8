//! The conflict rule: what a replica shows depends on which records it has applied, and not on their order.

use std::sync::Arc;

use causeway::{
    clock::{Dot, Hlc, Token, VersionVector},
    id::{ActorId, Epoch},
    placement::{SLOTS, SlotSet, slot_of},
    store::{Applied, Horizon, Key, Operation, OperationId, Order, Size, Slots, Table, Value, Write},
};
use proptest::{collection::vec, prelude::*};

const KEY: &str = "k";

fn write(actor: u32, hlc: u64, value: Option<&str>, operation: Option<u128>) -> Arc<Write> {
    let operation = operation.map(|id| Operation { id: OperationId(id), fingerprint: 0, existed: false, apart_from: Hlc::ZERO });
    Arc::new(Write {
        dot: Dot { actor: ActorId(actor), hlc: Hlc(hlc) },
        epoch: Epoch::default(),
        key: KEY.into(),
        value: value.map(|text| Value::json(text.to_owned())),
        past: Token::default(),
        operation,
    })
}

fn apply_all<'a>(writes: impl IntoIterator<Item = &'a Arc<Write>>) -> Table {
    let mut table = Table::default();
    for write in writes {
        table.apply(write);
    }
    table
}

fn horizon(stable: u64, no_twins: u64) -> Horizon {
    Horizon { stable: Hlc(stable), no_twins: Hlc(no_twins) }
}

fn shown(table: &Table) -> Option<(Order, Option<Value>)> {
    table.get(KEY).map(|version| (version.order(), version.value.clone()))
}

#[test]
fn the_larger_order_wins_whatever_comes_first() {
    let (old, new) = (write(1, 10, Some("old"), None), write(0, 11, Some("new"), None));
    assert_eq!(shown(&apply_all([&old, &new])), shown(&apply_all([&new, &old])));
    assert_eq!(shown(&apply_all([&old, &new])), Some((new.dot.into(), new.value.clone())));
}

#[test]
fn two_records_of_one_operation_count_at_the_smaller_order() {
    let (first, second) = (write(0, 10, Some("v"), Some(1)), write(1, 30, Some("v"), Some(1)));
    let between = write(2, 20, Some("w"), None);
    let mut table = apply_all([&between, &second]);
    assert_eq!(shown(&table), Some((second.dot.into(), second.value.clone())), "only the retry is known yet");
    assert_eq!(table.apply(&first), Applied::New(between.dot.into()));
    assert_eq!(shown(&table), Some((between.dot.into(), between.value.clone())));
}

#[test]
fn what_is_stable_keeps_nothing_but_key_version_and_value() {
    let mut table = apply_all([&write(0, 10, Some("v"), Some(1)), &write(1, 20, Some("w"), Some(2))]);
    assert_eq!(table.unstable(), 2);
    assert!(table.stabilise(horizon(20, 20), 10).is_empty());
    let version = table.get(KEY).expect("the winner");
    assert_eq!((version.dependencies.clone(), version.operation, table.unstable()), (None, None, 0));
}

#[test]
fn a_tombstone_goes_when_it_is_stable_and_not_before() {
    let mut table = apply_all([&write(0, 10, Some("v"), None), &write(0, 20, None, None)]);
    assert!(table.stabilise(horizon(19, 19), 10).is_empty());
    assert_eq!((table.live(), table.tombstones()), (0, 1));
    let key: Key = KEY.into();
    let order = Order { hlc: Hlc(20), actor: ActorId(0) };
    assert_eq!(table.stabilise(horizon(20, 9), 10), vec![(key, order)]);
    assert_eq!((table.live(), table.tombstones(), table.bytes()), (0, 0, 0));
}

/// Seed 704: a retry at a replica that had not heard of the first attempt, and a write of another session between the two. The third
/// replica had the first attempt so early that it was stable there before the retry arrived, had forgotten its name, and took the
/// retry for a write of its own.
#[test]
fn a_stable_write_keeps_its_name_until_no_second_record_can_arrive() {
    let (first, second) = (write(0, 10, Some("v"), Some(1)), write(1, 30, Some("v"), Some(1)));
    let between = write(1, 20, Some("w"), None);
    let mut table = apply_all([&first]);
    assert!(table.stabilise(horizon(10, 9), 10).is_empty());
    assert_eq!(table.get(KEY).map(|version| version.dependencies.is_none()), Some(true));
    table.apply(&between);
    assert_eq!(table.apply(&second), Applied::New(between.dot.into()));
    table.stabilise(horizon(30, 30), 10);
    assert_eq!((shown(&table), table.unstable()), (Some((between.dot.into(), between.value.clone())), 0));
}

#[test]
fn a_deleted_key_stays_while_a_second_record_of_its_delete_can_arrive() {
    let (delete, again) = (write(0, 20, None, Some(1)), write(1, 40, None, Some(1)));
    let between = write(2, 30, Some("v"), None);
    let mut table = apply_all([&delete]);
    assert!(table.stabilise(horizon(20, 19), 10).is_empty());
    assert_eq!(table.tombstones(), 1);
    table.apply(&again);
    table.apply(&between);
    assert_eq!(shown(&table), Some((between.dot.into(), between.value.clone())));
    assert!(table.stabilise(horizon(40, 40), 10).is_empty(), "it is not the winner");
    assert_eq!((table.live(), table.tombstones(), table.unstable()), (1, 0, 0));
}

#[test]
fn a_name_used_again_after_it_was_forgotten_is_another_write() {
    let first = write(0, 10, Some("v"), Some(1));
    let mut later = Arc::unwrap_or_clone(write(1, 30, Some("v"), Some(1)));
    later.operation = later.operation.map(|operation| Operation { apart_from: Hlc(10), ..operation });
    let later = Arc::new(later);
    let (early, late) = (apply_all([&first, &later]), apply_all([&later, &first]));
    assert_eq!(shown(&early), Some((later.dot.into(), later.value.clone())), "here the first still has its name");
    assert_eq!(shown(&early), shown(&late));
}

#[test]
fn a_snapshot_drops_what_its_source_has_seen_superseded_and_keeps_what_it_has_not() {
    let (stale, own_tail) = (write(0, 10, Some("stale"), None), write(1, 30, Some("tail"), None));
    let vector: VersionVector = [(ActorId(0), Hlc(20)), (ActorId(1), Hlc(20))].into_iter().collect();
    let mut table = apply_all([&stale]);
    table.install(0..SLOTS, |_, version| vector.contains(version.dot), &[]);
    assert_eq!(shown(&table), None, "the source had collected the key");
    let mut table = apply_all([&own_tail]);
    table.install(0..SLOTS, |_, version| vector.contains(version.dot), &[]);
    assert_eq!(shown(&table), Some((own_tail.dot.into(), own_tail.value.clone())));
}

#[derive(Debug, Clone)]
struct Script {
    writes: Vec<Arc<Write>>,
    orders: [Vec<usize>; 2],
}

/// Writes of three actors on one key, some of them second records of an operation, and two orders to apply them in.
fn script() -> impl Strategy<Value = Script> {
    vec((0u32..3, prop::option::of(0u128..3), prop::bool::ANY), 1..8).prop_flat_map(|shape| {
        let writes: Vec<_> = shape
            .into_iter()
            .enumerate()
            .map(|(i, (actor, operation, put))| {
                // The same operation writes the same value.
                let value = operation.map_or(format!("{i}"), |id| format!("operation {id}"));
                write(actor, 10 + i as u64, (put || operation.is_some()).then_some(value.as_str()), operation)
            })
            .collect();
        let order = || Just((0..writes.len()).collect::<Vec<_>>()).prop_shuffle();
        (Just(writes.clone()), order(), order()).prop_map(|(writes, a, b)| Script { writes, orders: [a, b] })
    })
}

proptest! {
    #[test]
    fn the_same_records_in_any_order_show_the_same(script in script()) {
        let tables = script.orders.each_ref().map(|order| apply_all(order.iter().map(|i| &script.writes[*i])));
        prop_assert_eq!(shown(&tables[0]), shown(&tables[1]));
        prop_assert_eq!(tables[0].digest(0..SLOTS), tables[1].digest(0..SLOTS));
    }

    #[test]
    fn settling_what_is_stable_changes_nothing_that_is_shown(script in script(), stable in 9u64..20, behind in 0u64..4) {
        let mut table = apply_all(&script.writes);
        let before = shown(&table).filter(|(_, value)| value.is_some());
        table.stabilise(horizon(stable, stable - behind), 100);
        prop_assert_eq!(shown(&table).filter(|(_, value)| value.is_some()), before);
    }

    /// Counted as it changes, the sizes are what a count of everything gives.
    #[test]
    fn the_size_of_slots_is_what_their_entries_add_up_to(script in script(), stable in 9u64..20, forgets in prop::bool::ANY) {
        let mut table = Table::default();
        let slot = slot_of(KEY);
        let own: SlotSet = [slot].into_iter().collect();
        for (i, write) in script.writes.iter().enumerate() {
            table.apply(write);
            if forgets && i % 2 == 1 {
                table.stabilise(horizon(stable, stable), 100);
            }
            let mut counted = Size::default();
            table.slots().entries(slot.0..slot.0 + 1).iter().for_each(|(key, versions)| counted += Size::versions(key, versions));
            prop_assert_eq!(table.size_of(&SlotSet::all()), counted);
            prop_assert_eq!(table.size_of(&own), counted);
            prop_assert_eq!((table.live(), table.tombstones(), table.bytes()), (counted.keys, counted.tombstones, counted.bytes));
            prop_assert_eq!(counted.keys, u64::from(table.holds(KEY)));
        }
        table.keep_slots(&SlotSet::default());
        prop_assert_eq!(table.size_of(&own), Size::default());
    }
}

#[test]
fn a_copy_of_the_slots_stays_as_it_was() {
    let mut table = apply_all([&write(0, 10, Some("old"), None)]);
    let copy = table.slots().clone();
    table.apply(&write(0, 20, Some("new"), None));
    let told = |slots: &Slots| slots.entries(0..SLOTS).first().map(|(_, versions)| versions[0].dot.hlc);
    assert_eq!((told(&copy), told(table.slots())), (Some(Hlc(10)), Some(Hlc(20))));
}
