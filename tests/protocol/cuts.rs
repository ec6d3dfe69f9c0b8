//! A node is lost while its shard gives slots away, and a taker has more of it than its own shard's replicas.

use causeway::{
    clock::Token,
    id::{ActorId, NodeId, RequestId, ShardId},
    node::{AdminCommand, Answer, Request, Settings},
    placement::{Change, Stage},
};

use crate::{
    bench::{Bench, found},
    configs::{all_read, fill},
};

const KEYS: usize = 60;
/// Until a node that is cut off is believed down, and a bit more.
const DOWN_MS: u64 = 4_000;
const TO: ShardId = ShardId(2);

/// Two shards of three nodes become three of two. One taker gets nothing, so that the slots keep coming.
struct Giving {
    bench: Bench,
    token: Token,
    reshard: RequestId,
    /// The node that is lost later, its peer, and the taker that gets nothing.
    lost: u32,
    peer: u32,
    other: u32,
    /// A key that moves from their shard.
    key: String,
}

impl Giving {
    fn copying() -> Self {
        let mut bench = Bench::new(6, 2, &Settings::default());
        let token = fill(&mut bench, KEYS);
        let reshard = bench.begin(0, Request::Admin(AdminCommand::Reshard(3)));
        let nodes = |bench: &Bench, shard| bench.config().replicas(shard).map(|actor| actor.node.0).collect::<Vec<u32>>();
        bench.until(|bench| nodes(bench, TO).len() == 2);
        let from = [ShardId(0), ShardId(1)].into_iter().find(|shard| !nodes(&bench, *shard).contains(&0)).expect("n0 is in one");
        let [lost, peer] = nodes(&bench, from)[..] else { panic!("two replicas each") };
        let other = nodes(&bench, TO)[1];
        bench.starves = Some(NodeId(other));
        bench.until_stage(Stage::Copying);
        let config = bench.config();
        let moves = config.migration().expect("slots move").into_shard(TO).find(|one| one.from == from).expect("from both");
        let is_moving = |key: &String| moves.slots.contains(causeway::placement::slot_of(key));
        let key = (0..KEYS).map(|i| format!("key-{i}")).find(is_moving).expect("a third of the keys moves");
        let mut giving = Self { bench, token, reshard, lost, peer, other, key };
        giving.bench.run_ms(1_000);
        assert_eq!(giving.bench.config().stage(), Stage::Copying, "one taker has nothing yet");
        giving.part(lost, peer);
        giving
    }

    fn part(&mut self, a: u32, b: u32) {
        self.bench.cut.extend([(NodeId(a), NodeId(b)), (NodeId(b), NodeId(a))]);
    }

    /// The node to be lost writes, and of all others only one taker has it.
    fn write(&mut self) {
        self.bench.put(self.lost, &self.key, "late", &self.token).expect("written");
        self.bench.run_ms(600);
    }

    fn lose(&mut self) -> ActorId {
        let actor = self.bench.config().seat(NodeId(self.lost)).expect("a member").actor;
        self.bench.cut(self.lost);
        self.bench.run_ms(DOWN_MS);
        let address = self.bench.config().members()[self.lost as usize].address.clone();
        self.bench.begin(self.peer, Request::Admin(AdminCommand::RemoveNode(address)));
        self.bench.run_ms(1_000);
        actor
    }

    /// The reshard ends, and everybody has this at the key.
    fn ends_with(&mut self, value: &str) {
        self.bench.cut.retain(|(a, b)| a.0 == self.lost || b.0 == self.lost);
        self.bench.starves = None;
        self.bench.run_ms(10_000);
        assert_eq!(self.bench.answer(self.reshard), Some(Ok(Answer::Changed)));
        assert_eq!(self.bench.config().stage(), Stage::None);
        for node in (0..6).filter(|node| *node != self.lost) {
            let read = self.bench.get(node, &self.key, &Token::default()).expect("read");
            assert_eq!(read.outcome, found(value), "at n{node}");
        }
    }
}

#[test]
fn what_a_taker_has_beyond_a_cut_before_the_hand_over_it_forgets() {
    let mut giving = Giving::copying();
    let before = giving.key.strip_prefix("key-").expect("so named").to_owned();
    giving.write();
    let actor = giving.lose();
    let upto = giving.bench.config().cut_in(actor, TO).expect("settled, and slots still come");
    assert_eq!(giving.bench.config().cut_of(actor), Some(upto), "one cut for all");
    for taker in giving.bench.config().replicas(TO) {
        let progress = giving.bench.nodes[taker.node.0 as usize].status().progress;
        assert!(progress[&taker.actor].held.get(&actor) <= Some(&upto), "{} goes on with more", taker.node);
    }
    giving.ends_with(&before);
    let (keys, token) = (KEYS, giving.token.clone());
    giving.bench.cut.clear();
    giving.bench.run_ms(1_000);
    all_read(&mut giving.bench, keys, &token);
}

#[test]
fn what_a_taker_has_beyond_a_cut_after_the_hand_over_the_other_takers_get() {
    let mut giving = Giving::copying();
    giving.part(giving.lost, giving.other);
    giving.write();
    giving.bench.starves = None;
    giving.bench.run_ms(3_000);
    assert_eq!(giving.bench.config().stage(), Stage::Switched, "what the lost node wrote last has not come to all");
    giving.part(giving.peer, giving.other);
    let actor = giving.lose();
    let is_beyond = giving.bench.configs.iter().any(|config| config.cut_in(actor, TO) > config.cut_of(actor));
    assert!(is_beyond, "the takers have more than the shard that gave");
    giving.ends_with("late");
}

/// Whoever is asked what is due says the same.
#[test]
fn a_cut_is_told_with_what_goes_beyond() {
    let beyond = [(TO, causeway::clock::Hlc(9 << 16))].into();
    let cut = Change::Cut { actor: ActorId(0), upto: causeway::clock::Hlc(7 << 16), beyond };
    assert_eq!(cut.to_string(), "cut a0 at 7.0, and at 9.0 in what s2 took");
}
