//! Of two nodes only one votes on changes of the config. When that one is lost the other goes on alone, once an operator says so, and
//! whatever the lost one did is heard when it returns, but for what it decided.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};
use tokio::time;

use crate::{
    changes::{SOON, until},
    cluster::Cluster,
    command::{causeway, said},
};

const VOTER: usize = 0;
const LEARNER: usize = 1;
const POLL: Duration = Duration::from_millis(50);
/// A request that waits for nothing but what its token names.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);
const REFUSES_WITHIN: Duration = Duration::from_secs(5);
/// Nobody listens there.
const STRANGER: &str = "127.0.0.1:9";

/// Two nodes in one shard that know each other, with a key that both have. Its token.
async fn two_nodes() -> (Cluster, Value) {
    let cluster = Cluster::serving_in((2, 1), &[]).await;
    let early = cluster.put(VOTER, "early", &json!({"value": 1})).await;
    until(&cluster, LEARNER, "/admin/config-log", |body| body["learners"].as_array().map(Vec::len) == Some(1)).await;
    cluster.until_everyone_has("early", &json!(1), SOON).await;
    (cluster, early)
}

async fn introduce(cluster: &Cluster, node: usize) -> (u16, Value) {
    cluster.answer(node, Method::PUT, "/view", &json!({"socket-address": STRANGER})).await
}

/// Has the learner go on alone, as soon as it may.
async fn recover(cluster: &Cluster) {
    let began = Instant::now();
    let command = async || causeway(&["force-recover", "--node", &cluster.addresses()[LEARNER]]).await;
    while said(&command().await) != ("goes on with epoch 1.1".to_owned(), Some(0)) {
        assert!(began.elapsed() < SOON, "{:?}", command().await);
        time::sleep(POLL).await;
    }
}

/// Both nodes have all these, for a session that has seen this.
async fn both_have(cluster: &Cluster, token: &Value, values: &[(&str, i32)]) {
    for (node, (key, value)) in cluster.nodes().into_iter().flat_map(|node| values.iter().map(move |asked| (node, asked))) {
        let (status, body) = cluster.answer(node, Method::GET, &format!("/kvs/{key}"), &json!({"causal-metadata": token})).await;
        assert_eq!((status, &body["value"]), (200, &json!(value)), "{key} at node {node}: {body}");
    }
}

async fn until_both_are_of_the_new_generation(cluster: &Cluster) {
    cluster.until_views_are(&[VOTER, LEARNER], SOON).await;
    for node in cluster.nodes() {
        until(cluster, node, "/admin/config-log", |body| body["epoch"].as_str().is_some_and(|epoch| epoch.starts_with("1.")))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_nodes_one_goes_on_alone_and_the_other_returns_with_all_it_had_acknowledged() {
    let (mut cluster, early) = two_nodes().await;
    cluster.kill(LEARNER);
    let unheard = cluster.put(VOTER, "unheard", &json!({"value": 3, "causal-metadata": early})).await;
    cluster.kill(VOTER);
    cluster.start_node(LEARNER);
    until(&cluster, LEARNER, "/livez", |_| true).await;

    let began = Instant::now();
    let late = cluster.put(LEARNER, "late", &json!({"value": 2, "causal-metadata": early})).await;
    let read = cluster.answer(LEARNER, Method::GET, "/kvs/early", &json!({"causal-metadata": late})).await;
    assert_eq!((read.0, &read.1["value"]), (200, &json!(1)), "{read:?}");
    assert!(began.elapsed() < 2 * ANSWERS_WITHIN, "{:?}", began.elapsed());
    let read = cluster.answer(LEARNER, Method::GET, "/kvs/early", &json!({"causal-metadata": unheard})).await;
    assert_eq!(read.0, 503, "what this session saw may stand in the way of an older answer: {read:?}");
    let lost = json!({"socket-address": cluster.addresses()[VOTER]});
    for (method, body) in [(Method::PUT, json!({"socket-address": STRANGER})), (Method::DELETE, lost)] {
        let began = Instant::now();
        let (status, body) = cluster.answer(LEARNER, method, "/view", &body).await;
        assert_eq!((status, &body["error"]), (503, &json!("No majority of the config log answers")));
        assert!(began.elapsed() < REFUSES_WITHIN, "{:?}", began.elapsed());
    }

    recover(&cluster).await;
    assert_eq!(introduce(&cluster, LEARNER).await.0, 201);
    cluster.start_node(VOTER);
    until_both_are_of_the_new_generation(&cluster).await;
    both_have(&cluster, &late, &[("early", 1), ("late", 2)]).await;
    both_have(&cluster, &unheard, &[("early", 1), ("unheard", 3)]).await;
    let deleted = cluster.answer(VOTER, Method::DELETE, "/view", &json!({"socket-address": STRANGER})).await;
    assert_eq!(deleted.0, 200, "who returns can change the config: {}", deleted.1);
    let again = causeway(&["force-recover", "--node", &cluster.addresses()[LEARNER]]).await;
    assert_eq!(again.status.code(), Some(3), "there is a majority again");
}

/// The lost one cannot know that it is over: alone it has a majority of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_lost_one_decides_before_it_hears_is_void_and_what_it_acknowledges_is_not() {
    let (mut cluster, early) = two_nodes().await;
    cluster.kill(VOTER);
    recover(&cluster).await;
    let alone = cluster.put(LEARNER, "alone", &json!({"value": 2, "causal-metadata": early})).await;
    cluster.pause(LEARNER);
    cluster.start_node(VOTER);
    until(&cluster, VOTER, "/admin/config-log", |body| body["leader"] == cluster.addresses()[VOTER]).await;
    assert_eq!(introduce(&cluster, VOTER).await.0, 201, "of the old generation it is the majority");
    let apart = cluster.put(VOTER, "apart", &json!({"value": 3, "causal-metadata": early})).await;
    cluster.resume(LEARNER);
    until_both_are_of_the_new_generation(&cluster).await;
    both_have(&cluster, &alone, &[("early", 1), ("alone", 2)]).await;
    both_have(&cluster, &apart, &[("early", 1), ("apart", 3)]).await;
    for node in [VOTER, LEARNER] {
        let body = json!({"socket-address": STRANGER});
        assert_eq!(cluster.answer(node, Method::DELETE, "/view", &body).await.0, 404, "node {node} keeps what was decided apart");
    }
    assert_eq!(introduce(&cluster, VOTER).await.0, 201);
    cluster.kill(VOTER);
    cluster.start_node(VOTER);
    until_both_are_of_the_new_generation(&cluster).await;
    both_have(&cluster, &apart, &[("early", 1), ("alone", 2), ("apart", 3)]).await;
}
