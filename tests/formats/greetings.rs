//! The first frame each way on a link.

use std::sync::Arc;

use causeway::{
    id::{Incarnation, NodeId},
    runtime::tokio::{Greeting, Hello, Introduction, Refused, Verdict},
};

use crate::{config, frames::stream, golden::Format, values};

pub fn formats() -> Vec<Format> {
    let hello = Hello {
        cluster: config::founded().cluster(),
        from: NodeId(1),
        address: "10.10.0.2:8090".to_owned(),
        to: NodeId(300),
        incarnation: values::incarnation(),
    };
    let greetings = vec![Greeting::Link(hello), Greeting::WhoBelongs { address: "node-7.example:65535".to_owned() }];
    let introductions = vec![Introduction::Belongs(Arc::new(config::switched())), Introduction::Stranger];
    // What the first kept commit knows. A refusal without a certificate is said within TLS alone, of which that commit has none.
    let verdicts: Vec<Verdict> = vec![
        Ok(Incarnation(u64::MAX)),
        Err(Refused::NoHello),
        Err(Refused::OtherCluster { theirs: 1, ours: u64::MAX }),
        Err(Refused::UnknownNode(NodeId(300), "10.10.0.9:8090".to_owned())),
        Err(Refused::NotMe { meant: NodeId(1), is: NodeId(2) }),
    ];
    vec![stream("greeting", greetings), stream("introduction", introductions), stream("verdict", verdicts)]
}
