//! A backup of real nodes under load, and a restore into a cluster with another number of shards.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use hyper::Method;
use serde_json::{Value, json};

use crate::{
    cluster::Cluster,
    command::{causeway, said},
};

/// Pairs of keys, a cause and its effect.
const CHAINS: usize = 4;
/// Keys that are written once, before.
const KEYS: usize = 100;

/// Writes a number to the cause, and then to the effect at another node, up to where it is told to stop. The last number and token.
async fn chain(cluster: &Cluster, chain: usize, stop: &AtomicBool) -> u64 {
    let (mut number, mut token) = (0, Value::Null);
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        for (place, key) in ["cause", "effect"].into_iter().enumerate() {
            let body = json!({ "value": number, "causal-metadata": token });
            token = cluster.put((chain + 3 * place + number as usize) % 6, &format!("{key}-{chain}"), &body).await;
        }
    }
    number
}

/// What the files of a backup hold.
fn contents(folder: &Path) -> BTreeMap<String, Value> {
    let manifest: Value = serde_json::from_slice(&fs::read(folder.join("manifest.json")).expect("a manifest")).expect("JSON");
    let files = manifest["files"].as_array().expect("files").iter().map(|file| file["name"].as_str().expect("a name"));
    let lines = files.flat_map(|name| {
        let text = fs::read_to_string(folder.join(name)).expect("a file");
        text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")).collect::<Vec<_>>()
    });
    lines.map(|entry| (entry["key"].as_str().expect("a key").to_owned(), entry["value"].clone())).collect()
}

#[tokio::test]
async fn a_backup_under_load_holds_no_effect_without_its_cause_and_is_restored_into_more_shards() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("backup");
    let text = path.to_str().expect("UTF-8").to_owned();
    let cluster = Cluster::serving(&[]).await;
    for i in 0..KEYS {
        cluster.put(i % 6, &format!("key-{i}"), &json!({ "value": [i, 0.50] })).await;
    }
    cluster.put(0, "deleted", &json!({ "value": 1 })).await;
    let (status, _) = cluster.answer(1, Method::DELETE, "/kvs/deleted", &json!({})).await;
    assert!(matches!(status, 200 | 404), "{status}");
    let stop = AtomicBool::new(false);
    let backup = async {
        let done = causeway(&["backup", &text, "--node", &cluster.addresses()[2]]).await;
        stop.store(true, Ordering::Relaxed);
        said(&done)
    };
    let chains = futures_util::future::join_all((0..CHAINS).map(|number| chain(&cluster, number, &stop)));
    let ((text_of_backup, code), last) = futures_util::future::join(backup, chains).await;
    let held = contents(&path);
    assert_eq!(code, Some(0));
    assert!(text_of_backup.starts_with(&format!("{} keys of 2 shards as of ", held.len())), "{text_of_backup}");
    for i in 0..KEYS {
        assert_eq!(held.get(&format!("key-{i}")), Some(&json!([i, 0.50])));
    }
    for (number, last) in last.iter().enumerate() {
        let of = |key: &str| held.get(&format!("{key}-{number}")).and_then(Value::as_u64).unwrap_or_default();
        let (cause, effect) = (of("cause"), of("effect"));
        assert!(effect <= cause && cause <= effect + 1 && cause <= *last, "of {last}: cause {cause}, effect {effect}");
    }
    drop(cluster);
    let cluster = Cluster::serving_in((6, 3), &[]).await;
    let restore = ["restore", &text, "--node", &cluster.addresses()[4], "--write-concern", "2"];
    assert_eq!(said(&causeway(&restore).await), (format!("{} keys restored", held.len()), Some(0)));
    for (i, (key, value)) in held.iter().enumerate() {
        let (_, body) = cluster.answer(cluster.replicas(key)[i % 2], Method::GET, &format!("/kvs/{key}"), &json!({})).await;
        assert_eq!(body["value"], *value, "{key}");
    }
    let again = causeway(&restore).await;
    assert_eq!(again.status.code(), Some(3), "a cluster that holds keys is not written to");
}
