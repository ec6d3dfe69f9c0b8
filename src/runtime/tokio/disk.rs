//! A folder of real files.
//!
//! Calls block their thread: they run on one of their own (see [`Env::spawn_disk`](crate::runtime::Env::spawn_disk)).

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;

use crate::runtime::{Disk, DiskFile};

/// Held locked by the process that has the folder open. Not listed.
const LOCK_NAME: &str = "lock";

/// Why a folder could not be opened.
#[derive(Debug, Error)]
pub enum FolderError {
    /// Another process has it open.
    #[error("{} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// It cannot be made, read or locked.
    #[error("{}: {source}", .folder.display())]
    Io {
        /// Which folder.
        folder: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

/// A folder that this process alone has open, for as long as a clone of this lives.
#[derive(Debug, Clone)]
pub struct FolderDisk(Arc<Folder>);

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// For making names durable.
    handle: File,
    /// Unlocked when it is closed.
    _lock: File,
}

impl FolderDisk {
    /// Makes the folder if it is not there, and locks it.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let failed = |source| FolderError::Io { folder: path.to_owned(), source };
        create_durably(path).map_err(failed)?;
        let lock_path = path.join(LOCK_NAME);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(lock_path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FolderError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let handle = File::open(path).map_err(failed)?;
        Ok(Self(Arc::new(Folder { path: path.to_owned(), handle, _lock: lock })))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    fn path_of(&self, name: &str) -> PathBuf {
        self.0.path.join(name)
    }
}

/// Makes a folder and those above it, each with its name durable.
fn create_durably(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above {
        create_durably(above)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    File::open(above.unwrap_or(Path::new(".")))?.sync_all()
}

/// One of its files.
#[derive(Debug)]
pub struct FolderFile(File);

impl Disk for FolderDisk {
    type File = FolderFile;

    async fn open(&self, name: &str) -> io::Result<Arc<FolderFile>> {
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).to_owned();
        Ok(Arc::new(FolderFile(options.open(self.path_of(name))?)))
    }

    async fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0.path)? {
            let entry = entry?;
            let name = entry.file_name().into_string();
            names.extend(name.ok().filter(|name| name != LOCK_NAME && entry.path().is_file()));
        }
        names.sort_unstable();
        Ok(names)
    }

    async fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path_of(name))
    }

    async fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path_of(from), self.path_of(to))
    }

    async fn sync_dir(&self) -> io::Result<()> {
        self.0.handle.sync_all()
    }
}

impl DiskFile for FolderFile {
    async fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    async fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    async fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    async fn truncate(&self, size: u64) -> io::Result<()> {
        self.0.set_len(size)
    }

    async fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_opening_is_refused_until_the_first_is_over() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("data").join("node");
        let first = FolderDisk::open(&path).expect("a new folder");
        assert!(matches!(FolderDisk::open(&path), Err(FolderError::InUse(_))));
        let clone = first.clone();
        drop(first);
        assert!(matches!(FolderDisk::open(&path), Err(FolderError::InUse(_))));
        drop(clone);
        FolderDisk::open(&path).expect("nobody has it open");
    }
}
