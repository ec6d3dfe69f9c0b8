//! The program under test, built as it is shipped: by `-p causeway`, so that the simulator's planted bugs are not in it. The one
//! that `cargo test` itself builds has them. Optimised where whoever asks is.

use std::{env, fs, path::PathBuf, process::Command, sync::OnceLock};

use serde_json::Value;
use tempfile::TempDir;

/// A copy of its own, since the next build of the tests overwrites the one in the target folder.
pub fn path() -> PathBuf {
    static COPY: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = COPY.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let copy = folder.path().join("causeway");
        fs::copy(built(), &copy).expect("the program can be copied");
        (folder, copy)
    });
    path.clone()
}

fn built() -> PathBuf {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    build.args(["build", "-p", "causeway", "--bin", "causeway", "--message-format", "json-render-diagnostics"]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    let output = build.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8(output.stdout).expect("cargo's messages are text");
    let mut lines = messages.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let program = lines.find_map(|message| message["executable"].as_str().map(PathBuf::from));
    program.expect("cargo says where the program is")
}
