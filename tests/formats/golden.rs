//! The kept folders, and how their files are read, compared and made.

use std::{
    fmt::Debug,
    fs,
    path::{Path, PathBuf},
};

use crate::{files, frames, greetings};

/// The commits whose formats are kept, oldest first. Files of the last one are also written as they were.
const KEPT: [&str; 1] = ["677adbe"];

/// Files of which another test knows: the config log's, and what says how a folder was made.
const ELSEWHERE: [&str; 2] = ["control-", "README.md"];

/// Where new files are written to.
const NEW: &str = "new";

/// Reads the bytes of a file and says what is wrong with them.
type Read = Box<dyn Fn(&[u8]) -> Result<(), String>>;

/// A file by today's code.
pub struct Format {
    /// Its name in each folder.
    pub name: String,
    /// The bytes that today's code writes.
    pub written: Vec<u8>,
    /// Whether bytes are read as the same value.
    pub read: Read,
}

/// The folder of a kept commit.
pub fn folder(commit: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/golden").join(commit)
}

/// A file that the newest kept commit wrote.
pub fn newest(name: &str) -> Vec<u8> {
    let path = folder(KEPT[KEPT.len() - 1]).join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Says where what was read is not what was written.
pub fn same<T: Debug + PartialEq>(read: &T, written: &T) -> Result<(), String> {
    if read == written { Ok(()) } else { Err(format!("read    {read:?}\n  written {written:?}")) }
}

fn all() -> Vec<Format> {
    frames::formats().into_iter().chain(greetings::formats()).chain(files::formats()).collect()
}

fn names(commit: &str) -> Vec<String> {
    let entries = fs::read_dir(folder(commit)).expect("a kept folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| !ELSEWHERE.iter().any(|start| name.starts_with(start))).collect();
    names.sort();
    names
}

#[test]
fn what_was_written_is_read_as_just_that() {
    let formats = all();
    for commit in KEPT {
        let names = names(commit);
        assert!(!names.is_empty(), "{commit} is empty");
        for name in names {
            let format = formats.iter().find(|format| format.name == name);
            let format = format.unwrap_or_else(|| panic!("{commit}/{name} has no value to compare it with"));
            let bytes = fs::read(folder(commit).join(&name)).expect("a kept file");
            if let Err(wrong) = (format.read)(&bytes) {
                panic!("{commit}/{name}: {wrong}");
            }
        }
    }
}

#[test]
fn the_same_is_written_as_the_same_bytes() {
    for format in all() {
        assert!(format.written == newest(&format.name), "{} is written otherwise than before", format.name);
    }
}

#[test]
#[ignore = "writes the files of a new folder, to be kept under the name of the commit that wrote them"]
fn write_a_new_folder() {
    fs::create_dir_all(folder(NEW)).expect("a place for new files");
    for format in all() {
        fs::write(folder(NEW).join(&format.name), &format.written).expect("room");
    }
}
