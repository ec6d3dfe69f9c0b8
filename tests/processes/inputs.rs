//! What liars send, to real processes: a stated answer, no panic, nothing changed.

use std::{fs, time::Duration};

use bytes::{BufMut, BytesMut};
use causeway::{
    clock::{Token, TokenKeys},
    runtime::tokio::{FRAME_VERSION, PAYLOAD_BYTES_CAP, encode_frame},
};
use hyper::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};

use crate::cluster::{Cluster, NODES};

const EVERYONE: [usize; NODES] = [0, 1, 2, 3, 4, 5];

#[tokio::test]
async fn forged_and_damaged_tokens_are_refused_everywhere() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let key_file = folder.path().join("keys");
    fs::write(&key_file, format!("1:{}\n", "5a".repeat(16))).expect("a key file");
    let cluster = Cluster::serving(&[("TOKEN_KEY_FILE", &key_file.to_string_lossy())]).await;
    let token = cluster.put(0, "x", &json!({"value": 1})).await;
    let genuine = token.as_str().expect("a token is text").to_owned();
    let damaged = genuine.replacen(genuine.chars().nth(5).expect("long enough"), "~", 1);
    let forged = TokenKeys::default().seal(&Token::default());
    for node in EVERYONE {
        for token in [json!(forged), json!(damaged), json!(genuine[1..]), json!(7), json!({"a": 1})] {
            for (method, value) in [(Method::GET, Value::Null), (Method::PUT, json!(2)), (Method::DELETE, Value::Null)] {
                let asked = json!({"value": value, "causal-metadata": token});
                let (status, body) = cluster.answer(node, method, "/kvs/x", &asked).await;
                assert_eq!((status, body["error"].is_string()), (400, true), "{asked}: {body}");
            }
        }
        let asked = json!({"causal-metadata": genuine});
        let (status, body) = cluster.answer(node, Method::GET, "/kvs/x", &asked).await;
        assert_eq!((status, &body["value"]), (200, &json!(1)), "{body}");
    }
}

#[tokio::test]
async fn what_is_no_frame_of_a_peer_changes_nothing() {
    let cluster = Cluster::serving(&[]).await;
    cluster.put(0, "x", &json!({"value": 1})).await;
    cluster.until_everyone_has("x", &json!(1), Duration::from_secs(5)).await;
    for node in EVERYONE {
        for (name, bytes) in no_frames() {
            let closed = is_closed_after(&cluster.peer_address(node), &bytes).await;
            assert!(closed, "node {node} keeps a connection open after {name}");
        }
    }
    cluster.until_views_are(&EVERYONE, Duration::from_millis(500)).await;
    for node in EVERYONE {
        let (status, body) = cluster.answer(node, Method::GET, "/kvs/x", &json!({})).await;
        assert_eq!((status, &body["value"]), (200, &json!(1)), "{body}");
        for shard in ["s0", "s1"] {
            let path = format!("/shard/key-count/{shard}");
            let (status, body) = cluster.answer(node, Method::GET, &path, &Value::Null).await;
            let expected = u64::from(cluster.config().shard_of("x").to_string() == shard);
            assert_eq!((status, &body["shard-key-count"]), (200, &json!(expected)), "{body}");
        }
    }
}

fn no_frames() -> Vec<(&'static str, BytesMut)> {
    let framed = |payload: &[u8]| {
        let mut bytes = BytesMut::new();
        encode_frame(payload, &mut bytes).expect("a short frame");
        bytes
    };
    let mut truncated = framed(b"a hello that breaks off");
    truncated.truncate(truncated.len() - 3);
    let mut wrong_crc = framed(b"a hello with a flipped bit");
    let last = wrong_crc.len() - 1;
    wrong_crc[last] ^= 1;
    let mut unknown_version = framed(b"a hello from the future");
    unknown_version[4] = FRAME_VERSION + 1;
    let mut oversized = BytesMut::new();
    oversized.put_u32_le(PAYLOAD_BYTES_CAP as u32 + 1);
    oversized.put_u8(FRAME_VERSION);
    oversized.put_u32_le(0);
    vec![
        ("a truncated frame", truncated),
        ("a wrong CRC", wrong_crc),
        ("an unknown version", unknown_version),
        ("an oversized frame", oversized),
        ("a whole frame that is no hello", framed(b"\xff\xff\xff\xff")),
        ("a client's request", BytesMut::from(&b"GET /kvs/x HTTP/1.1\r\nHost: x\r\n\r\n"[..])),
        ("nothing", BytesMut::new()),
    ]
}

/// Writes, ends its own side, and reads what comes until the other side closes.
async fn is_closed_after(address: &str, bytes: &[u8]) -> bool {
    let mut stream = TcpStream::connect(address).await.expect("the peer port is open");
    // The other side may close before all is written.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.is_ok()
}
