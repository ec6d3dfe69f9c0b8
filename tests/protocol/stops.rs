//! Who may go: a node whose peers have all that it wrote.

use causeway::{clock::Token, id::NodeId, node::Settings};

use crate::bench::Bench;

#[test]
fn a_peer_lacks_what_it_has_not_said_that_it_holds() {
    let mut bench = Bench::new(3, 1, &Settings::default());
    bench.put(0, "a", "1", &Token::default()).expect("written");
    bench.run_ms(100);
    assert_eq!(bench.nodes[0].status().peers_behind(), 0);
    let apart = [(NodeId(0), NodeId(1)), (NodeId(1), NodeId(0))];
    bench.cut.extend(apart);
    bench.put(0, "a", "2", &Token::default()).expect("written");
    bench.run_ms(100);
    assert_eq!(bench.nodes[0].status().peers_behind(), 1, "the other one has it");
    bench.run_ms(1_000);
    assert_eq!(bench.nodes[0].status().peers_behind(), 0, "nobody waits for one that is suspected");
    bench.cut.clear();
    bench.run_ms(10_000);
    let lacking = bench.nodes[0].status().peers.iter().filter(|peer| peer.lacks_records).count();
    assert_eq!(lacking, 0, "it has it now");
}
