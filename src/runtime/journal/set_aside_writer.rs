//! Files of records that were set aside: each whole and durable under its name, or not there.

use std::io;

use crate::{
    runtime::{Disk, DiskFile},
    store::{SET_ASIDE_TEMPORARY_NAME, SetAside, log::Finding, set_aside_actor, set_aside_name},
};

/// Makes a file durable in place of the one before; of nothing, no file.
pub(super) async fn write_set_aside<D: Disk>(disk: &D, set: &SetAside) -> io::Result<()> {
    let name = set_aside_name(set.actor);
    if set.is_empty() {
        if disk.list().await?.contains(&name) {
            disk.remove(&name).await?;
        }
        return disk.sync_dir().await;
    }
    let file = disk.open(SET_ASIDE_TEMPORARY_NAME).await?;
    file.truncate(0).await?;
    file.write_at(0, &set.encode()).await?;
    file.sync().await?;
    disk.rename(SET_ASIDE_TEMPORARY_NAME, &name).await?;
    disk.sync_dir().await
}

/// Gives its room back to a file that was not finished.
pub(super) async fn give_up<D: Disk>(disk: &D) {
    // What remains is nobody's file: only its name would make it one.
    let _ = disk.remove(SET_ASIDE_TEMPORARY_NAME).await;
}

/// All files that can be read, and which cannot.
pub(super) async fn read_set_aside<D: Disk>(disk: &D, names: &[String]) -> io::Result<(Vec<SetAside>, Vec<Finding>)> {
    let (mut sets, mut findings) = (Vec::new(), Vec::new());
    for actor in names.iter().filter_map(|name| set_aside_actor(name)) {
        let file = disk.open(&set_aside_name(actor)).await?;
        let mut bytes = vec![0; file.size().await? as usize];
        file.read_at(0, &mut bytes).await?;
        match SetAside::decode(&bytes) {
            Some(set) => sets.push(set),
            None => findings.push(Finding::LostSetAside(actor)),
        }
    }
    if names.iter().any(|name| name == SET_ASIDE_TEMPORARY_NAME) {
        give_up(disk).await;
    }
    Ok((sets, findings))
}
