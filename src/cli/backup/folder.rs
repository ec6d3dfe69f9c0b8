//! A backup on disk: a file of JSON lines for each shard, and a manifest, written last, that says what they hold.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3Default;

use super::BackupError;
use crate::http::BackupEntry;

/// The form of these files.
pub(super) const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Manifest {
    pub format: u32,
    /// Its time, in milliseconds since the Unix epoch: writes up to it are in it, later ones are not.
    pub at_ms: u64,
    /// The epoch of the config that it was taken in.
    pub epoch: String,
    pub files: Vec<ShardFile>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct ShardFile {
    pub name: String,
    pub shard: String,
    pub keys: u64,
    pub bytes: u64,
    /// Of the whole file, in hexadecimal.
    pub xxh3: String,
}

/// A file under way.
pub(super) struct ShardWriter {
    path: PathBuf,
    file: BufWriter<File>,
    hasher: Xxh3Default,
    written: ShardFile,
}

/// Makes the folder, unless it is there and empty.
pub(super) fn prepare(folder: &Path) -> Result<(), BackupError> {
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let is_empty = fs::read_dir(folder).map_err(failed(folder))?.next().is_none();
    if is_empty { Ok(()) } else { Err(BackupError::NotEmpty(folder.to_owned())) }
}

impl ShardWriter {
    /// Begins a shard's file, over one that an earlier attempt has left.
    pub fn create(folder: &Path, shard: &str) -> Result<Self, BackupError> {
        let name = format!("{shard}.jsonl");
        let path = folder.join(&name);
        let file = BufWriter::new(File::create(&path).map_err(failed(&path))?);
        let written = ShardFile { name, shard: shard.to_owned(), keys: 0, bytes: 0, xxh3: String::new() };
        Ok(Self { path, file, hasher: Xxh3Default::new(), written })
    }

    pub fn add(&mut self, entry: &BackupEntry) -> Result<(), BackupError> {
        let mut line = serde_json::to_vec(entry).map_err(|error| self.failed(error.into()))?;
        line.push(b'\n');
        self.hasher.update(&line);
        self.written.keys += 1;
        self.written.bytes += line.len() as u64;
        self.file.write_all(&line).map_err(|error| self.failed(error))
    }

    /// Makes it durable.
    pub fn finish(mut self) -> Result<ShardFile, BackupError> {
        self.file.flush().and_then(|()| self.file.get_ref().sync_all()).map_err(|error| self.failed(error))?;
        Ok(ShardFile { xxh3: format!("{:016x}", self.hasher.digest()), ..self.written })
    }

    fn failed(&self, source: std::io::Error) -> BackupError {
        BackupError::File { path: self.path.clone(), source }
    }
}

impl Manifest {
    /// Makes the backup whole.
    pub fn write(&self, folder: &Path) -> Result<(), BackupError> {
        let path = folder.join(MANIFEST);
        let text = serde_json::to_vec_pretty(self).map_err(|error| failed(&path)(error.into()))?;
        let write = || {
            let mut file = File::create(&path)?;
            file.write_all(&text)?;
            file.sync_all()?;
            File::open(folder)?.sync_all()
        };
        write().map_err(failed(&path))
    }

    /// Reads what a folder holds, and that every file is as it was written.
    pub fn read(folder: &Path) -> Result<Self, BackupError> {
        let path = folder.join(MANIFEST);
        let text = fs::read(&path).map_err(failed(&path))?;
        let damaged = |why: serde_json::Error| BackupError::Damaged { path: path.clone(), why: why.to_string() };
        let manifest: Self = serde_json::from_slice(&text).map_err(damaged)?;
        if manifest.format != FORMAT {
            return Err(BackupError::Format(manifest.format));
        }
        manifest.files.iter().try_for_each(|file| file.check(folder))?;
        Ok(manifest)
    }
}

impl ShardFile {
    fn check(&self, folder: &Path) -> Result<(), BackupError> {
        let path = folder.join(&self.name);
        let mut file = BufReader::new(File::open(&path).map_err(failed(&path))?);
        let mut hasher = Xxh3Default::new();
        loop {
            let read = file.fill_buf().map_err(failed(&path))?;
            if read.is_empty() {
                break;
            }
            hasher.update(read);
            let bytes = read.len();
            file.consume(bytes);
        }
        let found = format!("{:016x}", hasher.digest());
        let why = || format!("its hash is {found}, and was {}", self.xxh3);
        if found == self.xxh3 { Ok(()) } else { Err(BackupError::Damaged { path, why: why() }) }
    }

    /// Its entries, one by one.
    pub fn entries(&self, folder: &Path) -> Result<impl Iterator<Item = Result<BackupEntry, BackupError>>, BackupError> {
        let path = folder.join(&self.name);
        let lines = BufReader::new(File::open(&path).map_err(failed(&path))?).lines();
        Ok(lines.map(move |line| {
            let line = line.map_err(failed(&path))?;
            serde_json::from_str(&line).map_err(|why| BackupError::Damaged { path: path.clone(), why: why.to_string() })
        }))
    }
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::File { path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    fn entry(key: &str, value: &str) -> BackupEntry {
        BackupEntry { key: key.to_owned(), value: RawValue::from_string(value.to_owned()).expect("JSON") }
    }

    fn written(folder: &Path) -> Manifest {
        let mut writer = ShardWriter::create(folder, "s0").expect("a file");
        writer.add(&entry("k\n\"", "{\"a\": [1, 2.50]}")).expect("written");
        writer.add(&entry("ü", "null")).expect("written");
        let files = vec![writer.finish().expect("durable")];
        let manifest = Manifest { format: FORMAT, at_ms: 7, epoch: "0.1".to_owned(), files };
        manifest.write(folder).expect("written");
        manifest
    }

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let manifest = written(folder.path());
        assert_eq!(Manifest::read(folder.path()).expect("whole"), manifest);
        let read = manifest.files[0].entries(folder.path()).expect("readable");
        let read: Vec<_> = read.map(|entry| entry.expect("an entry")).map(|entry| (entry.key, entry.value.to_string())).collect();
        assert_eq!(read, [("k\n\"".to_owned(), "{\"a\": [1, 2.50]}".to_owned()), ("ü".to_owned(), "null".to_owned())]);
    }

    #[test]
    fn any_flipped_bit_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        written(folder.path());
        let path = folder.path().join("s0.jsonl");
        let whole = fs::read(&path).expect("readable");
        for bit in 0..whole.len() * 8 {
            let mut spoilt = whole.clone();
            spoilt[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, spoilt).expect("writable");
            assert!(matches!(Manifest::read(folder.path()), Err(BackupError::Damaged { .. })), "bit {bit}");
        }
        fs::write(&path, &whole[..whole.len() - 1]).expect("writable");
        assert!(matches!(Manifest::read(folder.path()), Err(BackupError::Damaged { .. })), "cut short");
    }

    #[test]
    fn without_its_manifest_a_backup_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        written(folder.path());
        assert!(matches!(prepare(folder.path()), Err(BackupError::NotEmpty(_))));
        fs::remove_file(folder.path().join(MANIFEST)).expect("removable");
        assert!(matches!(Manifest::read(folder.path()), Err(BackupError::File { .. })));
    }
}
