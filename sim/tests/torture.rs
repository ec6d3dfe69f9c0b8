//! The harness of real nodes, without real nodes: a store that lies is caught by its clients, and leaves a capsule and a page.

#![expect(clippy::disallowed_methods, reason = "sockets and clients of the real world are what is tested")]

use std::{
    collections::BTreeMap,
    env, fs, process,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use causeway::{
    clock::{Token, TokenKeys},
    http::{AcceptSettings, HttpMetrics, Server},
    placement::{Config, Founding},
};
use causeway_sim::{
    capsule,
    explain::drawn,
    picture::{Standing, page},
    run::Verdict,
    torture::{
        diary::Notes,
        evidence,
        final_scan::{self, NotConverged},
        load::{self, Load, Run, Tally, Tokens},
        plan::{FillsDisk, TorturePlan, Wanted},
        stage::{Program, Setting},
        whole::Orders,
    },
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

/// A store of one node that answers as the contract says, and not with what it should.
struct Liar {
    token: String,
    lie: Lie,
    values: Mutex<BTreeMap<String, Value>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    /// Of each key the first value is shown for ever.
    FirstValueOnly,
    /// What was written into once-written keys is gone when all is over.
    ForgetsInTheEnd,
}

impl Liar {
    fn answer(&self, status: u16, what: Value) -> (StatusCode, Json<Value>) {
        let mut body = what;
        body["causal-metadata"] = self.token.clone().into();
        body["shard-id"] = "s0".into();
        (StatusCode::from_u16(status).unwrap(), Json(body))
    }
}

async fn read(State(liar): State<Arc<Liar>>, Path(key): Path<String>, Json(asked): Json<Value>) -> (StatusCode, Json<Value>) {
    let is_over = asked["causal-metadata"].is_null() && liar.lie == Lie::ForgetsInTheEnd && key.starts_with("once-");
    let values = liar.values.lock().unwrap();
    match values.get(&key).filter(|_| !is_over) {
        Some(value) => liar.answer(200, json!({"result": "found", "value": value})),
        None => liar.answer(404, json!({"error": "Key does not exist"})),
    }
}

async fn write(State(liar): State<Arc<Liar>>, Path(key): Path<String>, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    let mut values = liar.values.lock().unwrap();
    let value = body["value"].clone();
    let (status, result) = if values.contains_key(&key) { (200, "replaced") } else { (201, "created") };
    if status == 201 || liar.lie != Lie::FirstValueOnly {
        values.insert(key, value);
    }
    liar.answer(status, json!({"result": result}))
}

/// A delete takes effect, with any lie.
async fn delete(State(liar): State<Arc<Liar>>, Path(key): Path<String>) -> (StatusCode, Json<Value>) {
    match liar.values.lock().unwrap().remove(&key) {
        Some(_) => liar.answer(200, json!({"result": "deleted"})),
        None => liar.answer(404, json!({"error": "Key does not exist"})),
    }
}

/// Sessions have worked on a store that lies so.
async fn worked(lie: Lie, seconds: u64) -> (Arc<Run>, Tally, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let config = Config::found(&Founding { view: vec![address.clone()], shard_count: 1 }).unwrap();
    let token = TokenKeys::default().of_cluster(config.cluster()).seal(&Token::default());
    let liar = Arc::new(Liar { token, lie, values: Mutex::default() });
    let router = Router::new().route("/kvs/{key}", get(read).put(write).delete(delete)).with_state(liar);
    let (settings, metrics) = (AcceptSettings::default(), Arc::new(HttpMetrics::default()));
    let server = Server { api: router.into(), settings, metrics, tls: None };
    let stop = watch::Sender::new(false);
    tokio::spawn(server.run(listener, stop.subscribe()));
    let (span, rest) = (Duration::from_secs(seconds), Duration::from_millis(5));
    let run = Run::new(&config, vec![address], Load { seed: 1, sessions: 8, tokens: Tokens::Carried, span, rest });
    run.archive();
    let tally = load::end(load::begin(&run)).await;
    (run, tally, stop)
}

fn orders() -> Orders {
    let wanted = Wanted { seed: 1, nodes: 2, shards: 1, kills: 3, partitions: 4, fills_disk: FillsDisk::OfTheLast };
    let program = Program::Image("liar".to_owned());
    Orders {
        setting: Setting { nodes: 2, shards: 1, program, variables: Vec::new(), small_disk_bytes: None },
        mutant: None,
        plan: TorturePlan::draw(wanted),
        sessions: 8,
        rest: Duration::ZERO,
        tokens: Tokens::Carried,
        keys: 0,
        out: env::temp_dir(),
        command: "causeway-sim torture --image liar".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_shows_old_values_is_caught_and_leaves_a_capsule_and_a_page() {
    let (run, tally, _stop) = worked(Lie::FirstValueOnly, 20).await;
    let violation = run.violation().unwrap_or_else(|| panic!("old values are not seen: {tally:?}"));
    assert_eq!(violation.property.checker(), "a2_reads", "{violation}");
    let about = violation.about.operations.clone();

    let failure = evidence::capsule(&orders(), &run.history(), &Notes::default(), &Verdict::Safety(violation));
    let folder = env::temp_dir().join(format!("causeway-torture-test-{}", process::id()));
    let path = failure.save(&folder).unwrap();
    let again = capsule::read(&fs::read_to_string(&path).unwrap()).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(again, failure, "what is written can be read");
    let told = |op| again.evidence.history.iter().any(|told| told.op == op);
    assert!(about.len() > 1 && about.into_iter().all(told), "the capsule holds what the violation is about");
    assert!(!again.evidence.explanation.steps.is_empty());
    let scene = drawn(&again.found.plan, (Standing::Failed, &again.found.verdict), &again.evidence, &again.commit);
    assert!(page(&scene).contains("does not hold"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_loses_acknowledged_writes_is_caught_by_the_last_scan() {
    let (run, tally, _stop) = worked(Lie::ForgetsInTheEnd, 2).await;
    assert_eq!(run.violation(), None, "sessions do not read such a key again");
    assert!(tally.acknowledged > 100, "{tally:?}");
    let lost = final_scan::converge(&run, Duration::ZERO, |_| vec![0]).await;
    let Err(NotConverged::Violation(violation)) = lost else { panic!("nothing is missed: {lost:?}") };
    assert_eq!(violation.property.checker(), "durability", "{violation}");
}
