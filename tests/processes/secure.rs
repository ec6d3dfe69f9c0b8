//! Clusters that let nobody in who does not prove who it is: clients by tokens, nodes by certificates, operators at a port of their own.

use std::{fs, path::Path, time::Duration};

use bytes::BytesMut;
use causeway::{
    http::{Access, Client, Outgoing, Role},
    id::{Incarnation, NodeId},
    runtime::tokio::{Greeting, Hello, encode_frame},
    tls::Roots,
};
use hyper::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};

use crate::{
    cluster::Cluster,
    command::{causeway, said},
};

const DEADLINE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);

/// In clear, with a token that nobody has, and with one of each role.
struct Entries {
    nobody: Access,
    unknown: Access,
    reader: Access,
    writer: Access,
    admin: Access,
}

impl Entries {
    fn of(cluster: &Cluster) -> Self {
        let secure = cluster.secure();
        let nobody = Access::within_tls(Roots::load(&secure.authority()).expect("a certificate").client().expect("roots"));
        let role = |role| secure.access(role).expect("a token");
        Self {
            unknown: nobody.clone().with_token("unknown").expect("a token"),
            nobody,
            reader: role(Role::Read),
            writer: role(Role::Write),
            admin: role(Role::Admin),
        }
    }
}

async fn ask(address: &str, access: &Access, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let request = Outgoing::new(method, path).json(body);
    Client::entering(address, access.clone()).send(request, DEADLINE).await.expect("an answer")
}

/// What comes back of bytes that are sent as they are, until the other end closes.
async fn said_back(address: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(bytes).await.expect("it reads");
    let mut back = Vec::new();
    let _closed_or_reset = time::timeout(DEADLINE, stream.read_to_end(&mut back)).await.expect("it closes");
    back
}

fn metric(page: &str, name: &str) -> u64 {
    let line = page.lines().find_map(|line| line.strip_prefix(name)).expect("a metric of this name");
    line.trim().parse().expect("a number")
}

async fn page(cluster: &Cluster, node: usize, reader: &Access) -> String {
    let mut client = Client::entering(&cluster.addresses()[node], reader.clone());
    let (status, page) = client.send_raw(Outgoing::new(Method::GET, "/metrics"), DEADLINE).await.expect("an answer");
    assert_eq!(status, 200);
    String::from_utf8_lossy(&page).into_owned()
}

/// What is secret in a folder of `causeway certs`: each line that is neither PEM's frame nor a certificate's.
fn secrets(folder: &Path) -> Vec<String> {
    let mut secrets = Vec::new();
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|ending| ending != "pem") {
            let text = fs::read_to_string(path).expect("text");
            secrets.extend(text.lines().filter(|line| !line.starts_with("-----")).map(str::to_owned));
        }
    }
    let words = secrets.iter().flat_map(|line| line.split([' ', ':'])).filter(|word| word.len() > 20);
    words.map(str::to_owned).collect()
}

#[tokio::test]
async fn clients_and_peers_prove_who_they_are() {
    let mut cluster = Cluster::secure_in((4, 2), &[("CAUSEWAY_LOG_LEVEL", "trace")]).await;
    let entries = Entries::of(&cluster);
    let addresses = cluster.addresses().to_vec();
    let mut seen = Value::Null;
    // Some node of the four passes it on to another shard, where nobody asks for a token again.
    for (number, address) in addresses.iter().enumerate() {
        let (put, key) = (json!({ "value": number, "causal-metadata": seen }), "/kvs/kept");
        for (access, status, error) in [
            (&entries.nobody, 401, "A token is needed: Authorization: Bearer <token>"),
            (&entries.unknown, 401, "Token is not known"),
            (&entries.reader, 403, "Role write is needed"),
        ] {
            assert_eq!(ask(address, access, Method::PUT, key, &put).await, (status, json!({ "error": error })));
        }
        let (status, body) = ask(address, &entries.writer, Method::PUT, key, &put).await;
        assert_eq!(status, if number == 0 { 201 } else { 200 }, "{body}");
        // Without it the next node need not have heard of this write.
        seen = body["causal-metadata"].clone();
        let read = ask(address, &entries.reader, Method::GET, key, &json!({ "causal-metadata": seen })).await;
        assert_eq!((read.0, &read.1["value"]), (200, &json!(number)));
        assert_eq!(ask(address, &entries.nobody, Method::GET, "/readyz", &Value::Null).await.0, 200);
        assert_eq!(ask(address, &entries.nobody, Method::GET, "/metrics", &Value::Null).await.0, 401);
    }

    let in_clear = b"PUT /kvs/kept HTTP/1.1\r\nhost: a\r\ncontent-length: 11\r\n\r\n{\"value\":9}";
    assert!(!String::from_utf8_lossy(&said_back(&addresses[0], in_clear).await).contains("HTTP"));
    let hello = Hello {
        cluster: cluster.config().cluster(),
        from: NodeId(1),
        address: addresses[1].clone(),
        to: NodeId(0),
        incarnation: Incarnation(1),
    };
    let mut greeting = BytesMut::new();
    encode_frame(&postcard::to_stdvec(&Greeting::Link(hello)).expect("a hello"), &mut greeting).expect("a short frame");
    let refused_before = metric(&page(&cluster, 0, &entries.reader).await, "causeway_links_refused_total");
    // What comes back is an alert of TLS, if anything.
    assert!(said_back(&cluster.peer_address(0), &greeting).await.len() < 16);
    let page_after = page(&cluster, 0, &entries.reader).await;
    assert_eq!(metric(&page_after, "causeway_links_refused_total"), refused_before + 1);

    cluster.kill(0);
    cluster.start_node(0);
    cluster.until_views_are(&[0, 1, 2, 3], DEADLINE).await;
    cluster.until_everyone_has("kept", &json!(3), DEADLINE).await;

    let secrets = secrets(&cluster.secure().authority().with_file_name(""));
    assert!(secrets.len() > 8, "tokens, their hashes and keys are secrets");
    let mut shown = vec![page_after];
    shown.extend(cluster.nodes().into_iter().map(|node| fs::read_to_string(cluster.log(node)).expect("a log")));
    for secret in secrets {
        assert!(!shown.iter().any(|text| text.contains(&secret)), "{secret} is shown");
    }
}

#[tokio::test]
async fn operators_come_in_by_their_own_door_and_nodes_by_their_certificates() {
    let mut cluster = Cluster::secure_in((4, 2), &[]).await;
    let entries = Entries::of(&cluster);
    let addresses = cluster.addresses().to_vec();
    let operators = cluster.admin_address(0).to_owned();
    let away = json!({ "socket-address": addresses[3] });
    let refused = ask(&addresses[0], &entries.admin, Method::DELETE, "/view", &away).await;
    assert_eq!(refused, (403, json!({ "error": "Only the admin listener takes this" })));
    assert_eq!(ask(&operators, &entries.writer, Method::DELETE, "/view", &away).await.0, 403);

    // The commands, as an operator types them.
    let secure = cluster.secure().clone();
    let (ca, admin) = (secure.authority().display().to_string(), secure.token(Role::Admin).display().to_string());
    let session = secure.authority().with_file_name("session").display().to_string();
    let with = |arguments: &[&str], node: &str| {
        let rest = ["--node", node, "--ca", &ca, "--token-file", &admin];
        arguments.iter().chain(&rest).map(|argument| (*argument).to_owned()).collect::<Vec<_>>()
    };
    let run = async |arguments: Vec<String>| causeway(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let put = run(with(&["put", "--session", &session, "a", "1"], &addresses[0])).await;
    assert_eq!(said(&put), ("created".to_owned(), Some(0)), "{put:?}");
    let get = run(with(&["get", "--session", &session, "a"], &addresses[1])).await;
    assert_eq!(said(&get), ("1".to_owned(), Some(0)), "{get:?}");
    let status = run(with(&["status", "--json"], &addresses[0])).await;
    let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    let up = status["nodes"].as_array().expect("nodes").iter().filter(|node| node["said"]["ready"] == true).count();
    assert_eq!(up, 4, "{status}");
    let wrong_door = run(with(&["reshard", "1"], &addresses[0])).await;
    assert_eq!(wrong_door.status.code(), Some(3), "{wrong_door:?}");
    let reshard = run(with(&["reshard", "1", "--deadline-ms", "30000"], &operators)).await;
    assert_eq!(said(&reshard), ("resharded".to_owned(), Some(0)), "{reshard:?}");
    let folder = secure.authority().with_file_name("backup").display().to_string();
    let reader = secure.token(Role::Read).display().to_string();
    let backup = ["backup", &folder, "--node", &addresses[0], "--ca", &ca, "--token-file", &reader];
    let refused = time::timeout(DEADLINE, causeway(&backup)).await.expect("nobody waits for another answer");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("Role admin is needed"), "{refused:?}");
    let backup = run(with(&["backup", &folder], &addresses[0])).await;
    assert_eq!(backup.status.code(), Some(0), "{backup:?}");
    let without = causeway(&["get", "a", "--node", &addresses[0], "--session", &session]).await;
    assert!(String::from_utf8_lossy(&without.stderr).contains("--ca"), "{without:?}");

    // Who is taken out of the view returns by a restart, and who is new comes in, each by its certificate alone.
    assert_eq!(ask(&operators, &entries.admin, Method::DELETE, "/view", &away).await.0, 200);
    cluster.until_views_are(&[0, 1, 2], DEADLINE).await;
    cluster.kill(3);
    cluster.start_node(3);
    cluster.until_views_are(&[0, 1, 2, 3], DEADLINE).await;
    let new = cluster.add_node();
    cluster.until_views_are(&[0, 1, 2, 3, new], DEADLINE).await;
    let began = time::Instant::now();
    while cluster.answer(new, Method::GET, "/kvs/a", &json!({})).await.1["value"] != json!(1) {
        assert!(began.elapsed() < DEADLINE, "the new node passes nothing on");
        time::sleep(POLL).await;
    }
}
