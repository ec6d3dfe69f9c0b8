//! The rules of the house that no compiler checks. Each rule is a function from text to complaints, with a unit test that shows
//! it failing; here they run over the whole repository.
//!
//! | rule | file |
//! | --- | --- |
//! | files of at most 400 lines, functions of at most 60 | `size.rs` |
//! | which room may name which, and which crate is named where | `layers.rs` |
//! | no shelf for odds and ends, no crate-wide silence, every `select!` in order | `habits.rs` |
//! | no word that postpones, no path of somebody's machine | `words.rs` |
//! | documents name only what is there | `documents.rs` |
//! | no planted bug in the server | `manifest.rs` |

mod documents;
mod habits;
mod layers;
mod manifest;
mod repository;
mod size;
mod source;
mod words;

use repository::Repository;

/// Fails with all complaints at once, one a line.
fn expect_none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn files_and_functions_have_one_idea_each() {
    expect_none(Repository::open().rust_files().flat_map(|file| size::complaints(&file.path, &file.text)).collect());
}

#[test]
fn rooms_name_only_what_the_map_allows() {
    expect_none(Repository::open().rust_files().flat_map(|file| layers::complaints(&file.path, &file.text)).collect());
}

#[test]
fn habits_hold() {
    expect_none(Repository::open().rust_files().flat_map(|file| habits::complaints(&file.path, &file.text)).collect());
}

#[test]
fn nothing_is_postponed_and_no_machine_is_named() {
    expect_none(Repository::open().files().flat_map(|file| words::complaints(&file.path, &file.text)).collect());
}

#[test]
fn documents_name_what_is_there() {
    let repository = Repository::open();
    let exists = |path: &str| repository.has(path);
    expect_none(repository.files().flat_map(|file| documents::complaints(&file.path, &file.text, &exists)).collect());
}

#[test]
fn the_server_has_no_planted_bug() {
    let repository = Repository::open();
    expect_none(manifest::complaints(repository.text("Cargo.toml"), repository.text("sim/Cargo.toml")));
}
