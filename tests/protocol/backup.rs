//! Backups: every shard's part at one time holds the writes up to it and no others, whatever comes meanwhile and in whatever order.

use std::collections::BTreeMap;

use causeway::{
    clock::{Hlc, Token},
    id::{NodeId, ShardId, Slot},
    node::{AdminCommand, NoBackup, Settings},
};

use crate::bench::{Bench, delete};

/// A time so far ahead of all clocks.
fn ahead(bench: &Bench, ms: u64) -> Hlc {
    Hlc::from_millis(bench.now.wall_ms + ms)
}

/// All that a node gives, a little at a time.
fn given(bench: &mut Bench, node: usize, at: Hlc) -> Result<BTreeMap<String, String>, NoBackup> {
    let (mut entries, mut next) = (BTreeMap::new(), Some(Slot(0)));
    while let Some(from) = next {
        let part = bench.nodes[node].backup_part(bench.now, at, from, 400)?;
        for (key, value) in part.entries {
            let text = String::from_utf8(value.bytes.to_vec()).expect("JSON");
            assert_eq!(entries.insert(key.to_string(), text), None, "each key once");
        }
        next = part.next;
    }
    Ok(entries)
}

fn entries(expected: &[(&str, &str)]) -> BTreeMap<String, String> {
    expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn what_comes_late_is_in_it_and_what_is_newer_is_not() {
    let mut bench = Bench::new(3, 1, &Settings::default());
    let first = bench.put(0, "k", "1", &Token::default()).expect("written");
    bench.put(0, "gone later", "1", &Token::default()).expect("written");
    bench.run_ms(100);
    bench.cut(2);
    let late = bench.put(2, "k", "2", &first.token).expect("a cut-off node takes writes");
    let at = ahead(&bench, 100);
    assert_eq!(bench.nodes[0].begin_backup(bench.now, at), Ok(ShardId(0)));
    bench.run_ms(150);
    bench.put(0, "k", "3", &Token::default()).expect("written");
    bench.put(0, "later", "1", &Token::default()).expect("written");
    bench.key(0, "gone later", &Token::default(), delete()).expect("deleted");
    assert_eq!(given(&mut bench, 0, at), Err(NoBackup::TooEarly(Some(NodeId(2)))), "node 2 may have written something");
    bench.cut.clear();
    bench.run_ms(3_000);
    assert!(bench.get(0, "k", &late.token).is_ok(), "it has come");
    assert_eq!(given(&mut bench, 0, at), Ok(entries(&[("gone later", "1"), ("k", "2")])));
    bench.nodes[0].end_backup(at);
    assert_eq!(given(&mut bench, 0, at), Err(NoBackup::Unknown));
}

#[test]
fn all_shards_give_the_writes_up_to_one_time() {
    let mut bench = Bench::new(6, 2, &Settings::default());
    let (mut at, mut model) = (Hlc::ZERO, BTreeMap::<String, (Hlc, Option<String>)>::new());
    let mut tokens = [Token::default(), Token::default()];
    let (mut before, mut after) = (0, 0);
    for i in 0..400_usize {
        if i == 150 {
            at = ahead(&bench, 60);
            for node in [0, 1] {
                bench.nodes[node].begin_backup(bench.now, at).expect("begun");
            }
        }
        let (key, node, session) = (format!("k{}", i * 7 % 60), (i * 5 % 6) as u32, i % 2);
        let value = (i % 9 != 0).then(|| i.to_string());
        let answer = match &value {
            Some(value) => bench.put(node, &key, value, &tokens[session]),
            None => bench.key(node, &key, &tokens[session], delete()),
        };
        let token = answer.expect("done").token;
        // A write is above all that its session has seen, so it is the largest entry.
        let hlc = token.max_hlc();
        let is_new = hlc > tokens[session].max_hlc();
        tokens[session] = token;
        if is_new && (i < 150 || hlc <= at) {
            model.insert(key, (hlc, value));
            before += 1;
        } else if is_new {
            after += 1;
        }
        bench.run_ms(1);
    }
    assert!(before > 150 && after > 50, "writes on both sides of the time: {before}, {after}");
    bench.run_ms(2_000);
    let expected: BTreeMap<String, String> = model.into_iter().filter_map(|(key, (_, value))| Some((key, value?))).collect();
    let mut both = given(&mut bench, 0, at).expect("given");
    both.extend(given(&mut bench, 1, at).expect("given"));
    assert_eq!(both, expected);
}

#[test]
fn a_time_that_has_come_is_too_late_and_one_backup_is_taken_at_a_time() {
    let mut bench = Bench::new(2, 1, &Settings::default());
    let (now, at) = (ahead(&bench, 0), ahead(&bench, 100));
    assert_eq!(bench.nodes[0].begin_backup(bench.now, now), Err(NoBackup::Late));
    assert_eq!(bench.nodes[0].begin_backup(bench.now, at), Ok(ShardId(0)));
    assert_eq!(bench.nodes[0].begin_backup(bench.now, at), Ok(ShardId(0)), "asked again");
    assert_eq!(bench.nodes[0].begin_backup(bench.now, at.next()), Err(NoBackup::Busy(at)));
    assert_eq!(given(&mut bench, 1, at), Err(NoBackup::Unknown));
    bench.run_ms(29_000);
    assert_eq!(given(&mut bench, 0, at), Ok(BTreeMap::new()));
    bench.run_ms(31_000);
    assert_eq!(given(&mut bench, 0, at), Err(NoBackup::Unknown), "nobody asked for half a minute");
}

#[test]
fn another_config_ends_it() {
    let mut bench = Bench::new(4, 1, &Settings::default());
    bench.put(0, "k", "1", &Token::default()).expect("written");
    let at = ahead(&bench, 50);
    bench.nodes[0].begin_backup(bench.now, at).expect("begun");
    bench.admin(1, AdminCommand::Reshard(2)).expect("resharded");
    assert_eq!(given(&mut bench, 0, at), Err(NoBackup::Unknown));
    let at = ahead(&bench, 50);
    bench.nodes[0].begin_backup(bench.now, at).expect("begun after the reshard");
}
