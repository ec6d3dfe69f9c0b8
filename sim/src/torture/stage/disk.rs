//! Folders of nodes. One of them may lie on a small file system, which can be filled.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::command::{StageError, run, tidy};

/// Large pieces first, then ever smaller ones, until not a byte fits.
const PIECES: [usize; 3] = [1 << 20, 4 << 10, 1];

/// A node's disk: what it may write, and beside it what takes its room.
#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    is_mounted: bool,
}

impl Disk {
    /// Makes the folder; with a size, as a file system of so many bytes.
    pub(super) async fn build(folder: PathBuf, bytes: Option<u64>) -> Result<Self, StageError> {
        let made = || StageError::io(folder.display().to_string());
        fs::create_dir_all(&folder).map_err(made())?;
        if let Some(bytes) = bytes {
            run("mount", &["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs", &folder.to_string_lossy()]).await?;
        }
        let disk = Self { is_mounted: bytes.is_some(), folder: folder.clone() };
        fs::create_dir_all(disk.data()).map_err(made())?;
        Ok(disk)
    }

    /// What the node has.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Takes all room that is left.
    pub(super) fn fill(&self) -> Result<(), StageError> {
        fill(&self.filler()).map_err(StageError::io("filling a disk"))
    }

    /// Gives the room back.
    pub(super) fn empty(&self) -> Result<(), StageError> {
        fs::remove_file(self.filler()).map_err(StageError::io("emptying a disk"))
    }

    /// Takes the file system away.
    pub(super) fn clean(&self) {
        if self.is_mounted {
            tidy("umount", &[&self.folder.to_string_lossy()]);
        }
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }
}

fn fill(path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    for piece in PIECES {
        let zeros = vec![0; piece];
        loop {
            match file.write_all(&zeros) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}
