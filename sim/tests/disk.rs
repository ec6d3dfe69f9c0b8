//! Every fault of the simulated disk, seen to happen.

use std::{collections::BTreeSet, io::ErrorKind, sync::Arc};

use causeway::{
    id::NodeId,
    runtime::{Disk as _, DiskFile as _, Env as _},
};
use causeway_sim::{
    seeded::run_seeded,
    trace::Trace,
    world::{Death, ProcessDisk, Rot, SECTOR_BYTES, Syncs, World},
};

const NODE: NodeId = NodeId(0);

fn on_disk<T, F>(seed: u64, scenario: impl FnOnce(Arc<World>, ProcessDisk) -> F + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + 'static,
{
    run_seeded(seed, None, move |streams| {
        let world = World::start(1, streams, Trace::default());
        let disk = world.boot(NODE).disk();
        scenario(world, disk)
    })
}

fn restart(world: &Arc<World>, death: Death) -> ProcessDisk {
    world.end(NODE, death);
    world.boot(NODE).disk()
}

async fn contents(disk: &ProcessDisk, name: &str) -> Vec<u8> {
    let file = disk.open(name).await.expect("opens");
    let mut bytes = vec![0; file.size().await.expect("has a size") as usize];
    file.read_at(0, &mut bytes).await.expect("reads");
    bytes
}

#[test]
fn a_kill_keeps_what_was_written_and_power_loss_takes_what_was_not_synced() {
    on_disk(1, |world, disk| async move {
        world.change_disk(NODE, |settings| settings.survival = 0.0);
        let file = disk.open("log").await.expect("opens");
        disk.sync_dir().await.expect("syncs");
        file.write_at(0, b"durable").await.expect("writes");
        file.sync().await.expect("syncs");
        file.write_at(7, b", not").await.expect("writes");
        let disk = restart(&world, Death::Kill);
        assert_eq!(contents(&disk, "log").await, b"durable, not");
        let disk = restart(&world, Death::PowerLoss);
        assert_eq!(contents(&disk, "log").await, b"durable");
        assert_eq!(world.disk_stats(NODE).sectors_lost, 1);
    });
}

#[test]
fn names_that_were_not_synced_survive_in_order_or_not_at_all() {
    let mut outcomes = BTreeSet::new();
    for seed in 0..40 {
        outcomes.insert(on_disk(seed, |world, disk| async move {
            disk.open("a").await.expect("opens");
            disk.sync_dir().await.expect("syncs");
            disk.open("b").await.expect("opens");
            disk.rename("a", "c").await.expect("renames");
            disk.remove("b").await.expect("removes");
            let disk = restart(&world, Death::PowerLoss);
            disk.list().await.expect("lists").join(" ")
        }));
    }
    assert_eq!(outcomes, ["a", "a b", "b c", "c"].map(str::to_owned).into());
}

#[test]
fn synced_names_stay() {
    for seed in 0..10 {
        on_disk(seed, |world, disk| async move {
            disk.open("b").await.expect("opens");
            disk.rename("b", "c").await.expect("renames");
            disk.sync_dir().await.expect("syncs");
            assert_eq!(restart(&world, Death::PowerLoss).list().await.expect("lists"), ["c"]);
        });
    }
}

#[test]
fn a_failed_sync_makes_nothing_durable_ever() {
    on_disk(1, |world, disk| async move {
        world.change_disk(NODE, |settings| settings.survival = 0.0);
        let file = disk.open("log").await.expect("opens");
        disk.sync_dir().await.expect("syncs");
        file.write_at(0, b"lost").await.expect("writes");
        world.change_disk(NODE, |settings| settings.syncs = Syncs::Fail);
        file.sync().await.expect_err("fails");
        world.change_disk(NODE, |settings| settings.syncs = Syncs::Succeed);
        file.sync().await.expect("syncs");
        assert_eq!(contents(&disk, "log").await, b"lost");
        let disk = restart(&world, Death::PowerLoss);
        assert_eq!(contents(&disk, "log").await, b"");
        assert_eq!(world.disk_stats(NODE).failed_syncs, 1);
    });
}

#[test]
fn a_full_disk_takes_what_fits_and_rewrites_in_place() {
    on_disk(1, |world, disk| async move {
        let file = disk.open("log").await.expect("opens");
        world.change_disk(NODE, |settings| settings.capacity_bytes = Some(10));
        file.write_at(0, b"12345678").await.expect("writes");
        assert_eq!(file.write_at(8, b"9abc").await.expect_err("is full").kind(), ErrorKind::StorageFull);
        assert_eq!(contents(&disk, "log").await, b"123456789a");
        file.write_at(0, b"in place").await.expect("writes");
        world.change_disk(NODE, |settings| settings.capacity_bytes = None);
        file.write_at(10, b"more").await.expect("writes");
        assert_eq!((world.disk_used_bytes(NODE), world.disk_stats(NODE).full), (14, 1));
    });
}

#[test]
fn a_slow_disk_takes_its_time() {
    on_disk(1, |world, disk| async move {
        world.change_disk(NODE, |settings| (settings.sync_us, settings.slowness) = (500..=500, 100));
        let file = disk.open("log").await.expect("opens");
        let start_us = world.now_us();
        file.sync().await.expect("syncs");
        assert_eq!(world.now_us() - start_us, 50_000);
        assert_eq!(contents(&disk, "log").await, b"");
        assert_eq!(world.now_us() - start_us, 51_000, "a read takes its time too");
    });
}

#[test]
fn a_spoilt_sector_is_read() {
    for rot in [Rot::FlippedBit, Rot::MisdirectedWrite] {
        on_disk(1, async move |world, disk| {
            assert_eq!(world.rot(NODE, rot, "log"), None);
            let file = disk.open("log-1").await.expect("opens");
            let before = [[1; SECTOR_BYTES], [2; SECTOR_BYTES]].concat();
            file.write_at(0, &before).await.expect("writes");
            file.sync().await.expect("syncs");
            let (name, offset) = world.rot(NODE, rot, "log").expect("there is something to spoil");
            let after = contents(&disk, &name).await;
            let differing = before.iter().zip(&after).filter(|(before, after)| before != after).count();
            match rot {
                Rot::FlippedBit => assert_eq!((differing, (before[offset] ^ after[offset]).count_ones()), (1, 1)),
                Rot::MisdirectedWrite => assert_eq!(differing, SECTOR_BYTES),
            }
            assert_eq!(world.disk_stats(NODE).rotten, 1);
        });
    }
}

#[test]
fn a_read_gives_a_bit_wrong_and_what_is_stored_stays_right() {
    on_disk(1, async |world, disk| {
        let file = disk.open("log").await.expect("opens");
        file.write_at(0, &[0; 5_000]).await.expect("writes");
        world.change_disk(NODE, |settings| settings.flips = 1.0);
        let mut places = BTreeSet::new();
        for _ in 0..20 {
            let bytes = contents(&disk, "log").await;
            assert_eq!(bytes.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
            places.insert(bytes.iter().position(|byte| *byte != 0));
        }
        assert!(places.len() > 10, "{places:?}");
        world.change_disk(NODE, |settings| settings.flips = 0.0);
        assert_eq!(contents(&disk, "log").await, [0; 5_000]);
        assert_eq!(world.disk_stats(NODE).flipped, 20);
    });
}

#[test]
fn a_write_goes_to_the_wrong_place_and_no_call_fails() {
    on_disk(1, async |world, disk| {
        let file = disk.open("log").await.expect("opens");
        file.write_at(0, &[1; 4 * SECTOR_BYTES]).await.expect("writes");
        file.sync().await.expect("syncs");
        world.change_disk(NODE, |settings| settings.misdirection = 1.0);
        file.write_at(0, &[2; SECTOR_BYTES]).await.expect("writes");
        file.sync().await.expect("syncs");
        let disk = restart(&world, Death::PowerLoss);
        let bytes = contents(&disk, "log").await;
        let hit: Vec<usize> = (0..4).filter(|sector| bytes[sector * SECTOR_BYTES] == 2).collect();
        assert!(hit.len() == 1 && hit[0] != 0 && bytes.len() == 4 * SECTOR_BYTES, "{hit:?}");
        assert_eq!(world.disk_stats(NODE).misdirected, 1);
    });
}

#[test]
fn what_a_crash_takes_of_one_file_does_not_depend_on_others() {
    let survivors = |others: u8| {
        on_disk(3, async move |world, disk| {
            let file = disk.open("log").await.expect("opens");
            disk.sync_dir().await.expect("syncs");
            for other in 0..others {
                disk.open(&format!("a{other}")).await.expect("opens").write_at(0, &[1; 3_000]).await.expect("writes");
            }
            file.write_at(0, &[7; 16 * SECTOR_BYTES]).await.expect("writes");
            let disk = restart(&world, Death::PowerLoss);
            contents(&disk, "log").await
        })
    };
    let alone = survivors(0);
    assert!(alone.contains(&7) && alone.contains(&0), "some of it survives, some not");
    assert_eq!(survivors(1), alone);
    assert_eq!(survivors(5), alone);
}

#[test]
fn a_dead_process_does_nothing_to_the_disk() {
    on_disk(1, |world, disk| async move {
        let file = disk.open("log").await.expect("opens");
        let disk = restart(&world, Death::Kill);
        let late = tokio::select! { biased; _ = file.write_at(0, b"late") => true, () = world.sleep_us(1_000_000) => false };
        assert!(!late);
        assert_eq!(contents(&disk, "log").await, b"");
        world.end(NODE, Death::Kill);
        world.wipe(NODE);
        assert!(world.boot(NODE).disk().list().await.expect("lists").is_empty());
    });
}

#[test]
fn a_sync_that_was_under_way_at_the_crash_may_or_may_not_have_happened() {
    let mut kept = 0;
    for seed in 0..40 {
        kept += on_disk(seed, |world, disk| async move {
            let file = disk.open("log").await.expect("opens");
            disk.sync_dir().await.expect("syncs");
            file.write_at(0, b"x").await.expect("writes");
            tokio::select! { biased; _ = file.sync() => unreachable!("takes longer"), () = world.sleep_us(10) => {} }
            restart(&world, Death::PowerLoss).open("log").await.expect("opens").size().await.expect("has a size")
        });
    }
    assert!((5..35).contains(&kept), "{kept} of 40");
}
