//! The map of `src/lib.rs` as a rule: which room may name which, and where the outside world may be named at all.

use crate::source::{code_of, line_of, occurrences};

/// A room of the library and the rooms that it may name, besides itself. The longest prefix of a file's path decides.
const ROOMS: &[(&str, &[&str])] = &[
    ("src/id.rs", &["error"]),
    ("src/error.rs", &[]),
    ("src/mark.rs", &[]),
    ("src/mutant.rs", &[]),
    ("src/clock", WORDS),
    ("src/placement", &["id", "error", "mark", "mutant", "clock"]),
    ("src/store", &["id", "error", "mark", "mutant", "clock", "placement"]),
    ("src/request.rs", &["id", "error", "mark", "mutant", "clock", "store"]),
    ("src/message.rs", &["id", "error", "mark", "mutant", "clock", "placement", "store", "request"]),
    ("src/node", BELOW_RUNTIME),
    ("src/runtime", &["id", "error", "mark", "mutant", "clock", "placement", "store", "request", "message", "node"]),
    ("src/runtime/tokio", &["id", "error", "mark", "mutant", "clock", "placement", "store", "request", "message", "node", "tls"]),
    ("src/tls", &["placement"]),
    (
        "src/http",
        &["id", "error", "mark", "mutant", "clock", "placement", "store", "request", "message", "node", "runtime", "tls"],
    ),
];
const WORDS: &[&str] = &["id", "error", "mark", "mutant"];
const BELOW_RUNTIME: &[&str] = &["id", "error", "mark", "mutant", "clock", "placement", "store", "request", "message"];

/// Where nothing is async, and nothing knows of time, chance, files, the network or the terminal.
const PURE: &[&str] = &[
    "src/id.rs",
    "src/error.rs",
    "src/mark.rs",
    "src/mutant.rs",
    "src/clock",
    "src/placement",
    "src/store",
    "src/request.rs",
    "src/message.rs",
    "src/node",
];

/// Names that only some files may say. In `src` alone; the simulator and the tests are worlds of their own.
const RESERVED: &[(&str, &[&str])] = &[
    ("madsim", &[]),
    // Who keeps the control log is known to one room; the rest of the house asks that.
    ("openraft", &["src/runtime/control"]),
    ("openraft_rt", &["src/runtime/control"]),
    ("openraft_rt_sim", &["src/runtime/control"]),
    ("openraft_rt_tokio", &["src/runtime/control"]),
    ("causeway_sim", &[]),
    ("axum", &["src/http"]),
    ("tower", &["src/http"]),
    ("hyper", &["src/http", "src/cli"]),
    ("hyper_util", &["src/http", "src/cli"]),
    ("rcgen", &["src/tls"]),
    ("webpki", &["src/tls"]),
    ("rustls", ENTRANCES),
    ("tokio_rustls", ENTRANCES),
    ("figment", &["src/cli", "src/runtime/tokio"]),
    ("clap", &["src/cli", "src/main.rs"]),
    ("tokio::net", TOKIO),
    ("tokio::time", TOKIO),
    ("tokio::task", TOKIO),
    ("tokio::fs", TOKIO),
    ("tokio::signal", TOKIO),
    ("tokio::spawn", TOKIO),
    ("tokio::runtime", TOKIO),
];
const ENTRANCES: &[&str] = &["src/tls", "src/runtime/tokio", "src/http"];
const TOKIO: &[&str] = &[
    "src/runtime/tokio",
    "src/http/accept",
    "src/http/connection",
    "src/http/pace",
    "src/http/client",
    "src/cli",
    "src/main.rs",
];

/// What a pure room may not say.
const IMPURE: &[&str] = &[
    "async",
    "await",
    "tokio",
    "tracing",
    "rand",
    "std::time",
    "std::thread",
    "std::fs",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::net::ToSocketAddrs",
    "std::env",
    "std::io",
    "HashMap",
    "HashSet",
    "println",
];

/// Where a file of the library names what its room may not.
pub fn complaints(path: &str, text: &str) -> Vec<String> {
    if !path.starts_with("src/") {
        return Vec::new();
    }
    let code = code_of(text);
    let mut complaints = Vec::new();
    for (base, said) in statements(&code) {
        for (name, at) in refused(path, &said) {
            complaints.push(format!("{path}:{}: `{name}` may not be named here", line_of(&code, base.max(at))));
        }
    }
    if !["src/mark.rs", "src/mutant.rs"].contains(&path) && text.contains("feature = \"mutants\"") {
        complaints.push(format!("{path}: marks and planted bugs are switched in src/mark.rs and src/mutant.rs alone"));
    }
    complaints
}

/// The names in a piece of code that this file may not say, and where in the piece.
fn refused<'a>(path: &str, said: &'a str) -> Vec<(&'a str, usize)> {
    let rooms = rooms_named(said).filter(|(name, _)| !may_name(path, name));
    let reserved = RESERVED.iter().filter(|(_, places)| !within(path, places)).map(|(name, _)| *name);
    let impure = IMPURE.iter().copied().filter(|_| within(path, PURE));
    let names = reserved.chain(impure).flat_map(|name| occurrences(said, name).map(move |at| (name, at)));
    rooms.chain(names).collect()
}

/// Every `crate::room`, and where.
fn rooms_named(code: &str) -> impl Iterator<Item = (&str, usize)> {
    occurrences(code, "crate::").map(|at| {
        let rest = &code[at + "crate::".len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        (&rest[..end], at)
    })
}

fn may_name(path: &str, room: &str) -> bool {
    let own = path.trim_start_matches("src/").trim_end_matches(".rs").split('/').next();
    let rule = ROOMS.iter().filter(|(prefix, _)| within(path, &[prefix])).max_by_key(|(prefix, _)| prefix.len());
    own == Some(room) || rule.is_none_or(|(_, allowed)| allowed.contains(&room))
}

fn within(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| {
        path.strip_prefix(place).is_some_and(|rest| place.ends_with(".rs") || rest.starts_with('/') || rest.starts_with('.'))
    })
}

/// What a file says, with each import as one path and on its own, so that a name is found however it is imported.
fn statements(code: &str) -> Vec<(usize, String)> {
    let mut rest = code.to_owned();
    let mut statements = Vec::new();
    for at in occurrences(code, "use ") {
        let Some(bytes) = code[at..].find(';') else { continue };
        let tree = code[at + "use ".len()..at + bytes].replace('\n', " ");
        statements.extend(leaves(&tree).into_iter().map(|path| (at, path)));
        rest.replace_range(at..at + bytes, &" ".repeat(bytes));
    }
    statements.push((0, rest));
    statements
}

/// `a::{b, c::{d, e}}` as `a::b`, `a::c::d` and `a::c::e`.
fn leaves(tree: &str) -> Vec<String> {
    let Some((prefix, inner)) = tree.split_once('{') else { return vec![tree.trim().to_owned()] };
    let inner = inner.trim_end().strip_suffix('}').unwrap_or(inner);
    let mut depth = 0;
    let branches = inner.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    let paths = branches.filter(|branch| !branch.trim().is_empty()).flat_map(leaves);
    paths.map(|path| format!("{}{path}", prefix.trim_start())).collect()
}

#[test]
fn a_room_that_names_one_above_it_is_refused() {
    assert!(complaints("src/clock/hlc.rs", "use crate::id::ActorId;").is_empty());
    assert!(complaints("src/clock/token.rs", "use crate::{id::ActorId, mutant::planted};").is_empty());
    assert_eq!(complaints("src/clock/hlc.rs", "use crate::{id::ActorId,\n  node::Node};").len(), 1);
    assert_eq!(complaints("src/store/table.rs", "fn f() -> crate::message::Push").len(), 1);
    assert_eq!(complaints("src/node/pull.rs", "use crate::runtime::Env;").len(), 1);
    assert_eq!(complaints("src/runtime/driver.rs", "use crate::http::App;").len(), 1);
}

#[test]
fn the_world_is_named_only_where_it_begins() {
    assert!(complaints("src/runtime/driver.rs", "use tokio::sync::mpsc;").is_empty());
    assert!(complaints("src/runtime/tokio/link.rs", "use tokio::net::TcpStream;").is_empty());
    for code in ["use tokio::{net::TcpStream, sync::mpsc};", "tokio::time::sleep(d)", "use axum::Router;", "use madsim::x;"] {
        assert_eq!(complaints("src/runtime/driver.rs", code).len(), 1, "{code}");
    }
    assert_eq!(complaints("src/http/api.rs", "use tokio::time;").len(), 1);
    assert_eq!(complaints("src/http/api.rs", "#[cfg(feature = \"mutants\")]").len(), 1);
}

#[test]
fn a_pure_room_knows_no_time_chance_or_io() {
    assert!(complaints("src/node/pull.rs", "// async is for others\nfn f() { g(\"HashMap\") }").is_empty());
    for code in
        ["async fn f() {}", "x.await", "use std::{sync::Arc, time::Instant};", "use std::collections::HashMap;", "rand::rng()"]
    {
        assert_eq!(complaints("src/node/pull.rs", code).len(), 1, "{code}");
    }
}

#[test]
fn imports_are_flattened() {
    assert_eq!(leaves("a::{b::{c, d}, e as f, g,}"), ["a::b::c", "a::b::d", "a::e as f", "a::g"]);
    let found = statements("x;\nuse a::{b, c};\nfn g() {}");
    let found: Vec<_> = found.iter().map(|(at, said)| (*at, said.trim().replace(char::is_whitespace, ""))).collect();
    assert_eq!(found, [(3, "a::b".into()), (3, "a::c".into()), (0, "x;;fng(){}".to_string())]);
}
