//! Disks are lost, and processes end, while members come and go and slots move.

use causeway::{
    clock::Token,
    id::{ActorId, NodeId, ShardId},
    node::{AdminCommand, Answer, Input, Request, Settings},
    placement::{Actor, Config, Stage, Standing},
    store::{Marks, Recovered, Verdict},
};

use crate::{
    bench::Bench,
    configs::{all_read, fill},
};

/// Until a node that is cut off is believed down, and a bit more.
const DOWN_MS: u64 = 4_000;

#[test]
fn a_lost_disk_that_starts_with_the_first_config_gets_an_actor_that_it_never_was() {
    let mut bench = Bench::new(4, 1, &Settings::default());
    let token = fill(&mut bench, 20);
    for shards in [2, 1] {
        assert_eq!(bench.admin(0, AdminCommand::Reshard(shards)), Ok(Answer::Changed), "to {shards}");
    }
    bench.run_ms(3_000);
    assert!(bench.config().actors().any(|seat| seat.actor.0 >= 4), "somebody has changed its shard");
    // Each twice: the second disk that is lost was had under the actor that followed the first.
    for node in (0..4).chain(0..4) {
        let had = bench.config();
        bench.wipe(node);
        bench.run_ms(3_000);
        let seat = bench.config().seat(NodeId(node)).copied().expect("still a member");
        assert!(had.actor(seat.actor).is_none(), "n{node} was {} before, on the disk that it lost", seat.actor);
        assert!(bench.nodes[node as usize].status().serves);
        all_read(&mut bench, 20, &token);
    }
}

/// A cluster whose node 3 was in another shard meanwhile, and has lost its disk once.
fn with_a_second_disk() -> (Bench, Token) {
    let mut bench = Bench::new(4, 1, &Settings::default());
    let token = fill(&mut bench, 20);
    for shards in [2, 1] {
        assert_eq!(bench.admin(0, AdminCommand::Reshard(shards)), Ok(Answer::Changed), "to {shards}");
    }
    bench.wipe(3);
    bench.run_ms(3_000);
    (bench, token)
}

/// Lets a while pass; then node 3 has an actor that was given out after this config.
fn has_a_new_actor(bench: &mut Bench, since: &Config, token: &Token) -> ActorId {
    bench.run_ms(2_000);
    let actor = bench.config().seat(NodeId(3)).expect("still a member").actor;
    assert!(actor >= since.next_actor(), "it was {actor} before, on a disk that it lost");
    assert_eq!(bench.nodes[3].status().no_writes, None);
    all_read(bench, 20, token);
    actor
}

#[test]
fn whatever_a_lost_disk_is_told_first_its_actor_is_new() {
    let (mut bench, token) = with_a_second_disk();
    for config in bench.configs.clone() {
        let had = bench.config();
        bench.wipe(3);
        bench.nodes[3].handle(bench.now, Input::Config(config));
        bench.settle(3);
        has_a_new_actor(&mut bench, &had, &token);
    }
}

#[test]
fn a_process_that_ends_before_it_has_a_new_actor_leaves_the_next_one_to_ask() {
    let (mut bench, token) = with_a_second_disk();
    for config in bench.configs.clone().into_iter().skip(1) {
        let had = bench.config();
        let marks = Marks { config: Some(config), ..Marks::default() };
        let found = Recovered { marks: Some(marks), verdict: Verdict::Complete, ..Recovered::default() };
        bench.restart_with_variables(3, found);
        has_a_new_actor(&mut bench, &had, &token);
    }
}

#[test]
fn a_new_actor_is_one_also_where_the_answer_got_lost() {
    let (mut bench, token) = with_a_second_disk();
    bench.log_is_mute = true;
    let had = bench.config();
    bench.wipe(3);
    let actor = has_a_new_actor(&mut bench, &had, &token);
    assert_eq!(actor, had.next_actor(), "it asked once");
}

/// Six nodes in two shards, of which the second has handed all its slots over to the first, but one node there does not hear the end of
/// what it wrote. Gives the replicas of the second.
fn handed_over() -> (Bench, Token, Vec<u32>) {
    let mut bench = Bench::new(6, 2, &Settings::default());
    let token = fill(&mut bench, 60);
    // What actors wrote that are retired by now no log leads to.
    for shards in [1, 2] {
        assert_eq!(bench.admin(0, AdminCommand::Reshard(shards)), Ok(Answer::Changed), "to {shards}");
        bench.run_ms(2_000);
    }
    let replicas =
        |bench: &Bench, shard| bench.config().replicas(ShardId(shard)).map(|actor| actor.node).collect::<Vec<NodeId>>();
    let (taker, givers) = (replicas(&bench, 0)[2], replicas(&bench, 1));
    bench.begin(0, Request::Admin(AdminCommand::Reshard(1)));
    bench.until_stage(Stage::Switched);
    bench.cut.extend(givers.iter().flat_map(|giver| [(*giver, taker), (taker, *giver)]));
    (bench, token, givers.into_iter().map(|node| node.0).collect())
}

#[test]
fn who_loses_its_disk_when_its_shard_has_handed_over_its_slots_gets_what_others_may_need_yet() {
    let (mut bench, token, givers) = handed_over();
    // More than once: then there are actors that came after the hand-over, and are cut off.
    for _ in 0..4 {
        bench.wipe(givers[0]);
        bench.run_ms(2_000);
        assert_eq!(bench.config().stage(), Stage::Switched);
        let [status, of_peer] = [givers[0], givers[1]].map(|node| bench.nodes[node as usize].status());
        assert!(status.serves && status.no_writes.is_none(), "it has its base and a new actor");
        assert_eq!(status.keys, of_peer.keys);
    }
    bench.cut.clear();
    bench.run_ms(8_000);
    assert_eq!(bench.config().stage(), Stage::None);
    all_read(&mut bench, 60, &token);
}

#[test]
fn who_lost_its_disk_says_what_it_has_of_an_actor_that_is_being_cut_off() {
    let mut bench = Bench::new(4, 1, &Settings::default());
    let token = fill(&mut bench, 20);
    bench.wipe(2);
    bench.cut(2);
    bench.cut(1);
    bench.run_ms(DOWN_MS);
    let gone = bench.config().seat(NodeId(1)).expect("a member").actor;
    bench.begin(0, Request::Admin(AdminCommand::RemoveNode("10.0.0.2:8090".to_owned())));
    bench.run_ms(500);
    assert!(matches!(bench.config().actor(gone).map(|actor| actor.standing), Some(Standing::Frozen { .. })), "n2 is asked too");
    bench.cut.retain(|(a, b)| *a == NodeId(1) || *b == NodeId(1));
    bench.run_ms(DOWN_MS);
    assert!(bench.config().actor(gone).is_none_or(|actor| !matches!(actor.standing, Standing::Frozen { .. })));
    assert_eq!(bench.nodes[2].status().no_writes, None);
    bench.cut.clear();
    bench.run_ms(500);
    all_read(&mut bench, 20, &token);
}

fn was_ever_cut_off(bench: &Bench, actor: ActorId) -> bool {
    let standings = bench.configs.iter().filter_map(|config| config.actor(actor)).map(|actor| actor.standing);
    standings.into_iter().any(|standing| !standing.speaks())
}

#[test]
fn who_has_just_started_takes_nobody_for_down() {
    let mut bench = Bench::new(4, 1, &Settings::default());
    let actor = bench.config().seat(NodeId(1)).expect("a member").actor;
    bench.cut.extend([(NodeId(1), NodeId(0)), (NodeId(2), NodeId(0)), (NodeId(3), NodeId(0))]);
    let marks = Marks { may_write: true, ..Marks::default() };
    bench.restart(0, Recovered { marks: Some(marks), verdict: Verdict::Complete, ..Recovered::default() });
    let removal = bench.begin(0, Request::Admin(AdminCommand::RemoveNode("10.0.0.2:8090".to_owned())));
    bench.run_ms(1_000);
    bench.cut.clear();
    bench.run_ms(1_000);
    assert_eq!(bench.answer(removal), Some(Ok(Answer::Changed)));
    assert!(!was_ever_cut_off(&bench, actor), "it is alive, and hands over what it has");
}

#[test]
fn a_reshard_leaves_nobody_out_on_the_word_of_a_few() {
    let mut bench = Bench::new(6, 1, &Settings::default());
    for few in [0, 1] {
        for other in 2..6 {
            bench.cut.extend([(NodeId(few), NodeId(other)), (NodeId(other), NodeId(few))]);
        }
    }
    bench.run_ms(DOWN_MS);
    let actors: Vec<ActorId> = bench.config().actors().map(|actor| actor.actor).collect();
    // In this bench two of six reach the config log: as when they reach the others again, and have not heard them yet.
    bench.begin(0, Request::Admin(AdminCommand::Reshard(1)));
    bench.run_ms(1_000);
    bench.cut.clear();
    bench.run_ms(1_000);
    assert!(bench.config().parent().is_some(), "it was decided");
    assert!(actors.into_iter().all(|actor| !was_ever_cut_off(&bench, actor)));
}

#[test]
fn a_lost_disk_of_a_cluster_that_never_changed_is_filled_once() {
    let mut bench = Bench::new(3, 1, &Settings::default());
    let token = fill(&mut bench, 20);
    bench.wipe(1);
    bench.run_ms(2_000);
    assert!(bench.config().parent().is_some(), "it has another actor by now");
    assert_eq!(bench.given, [], "logs lead to all that there is, and it forgets nothing of that");
    all_read(&mut bench, 20, &token);
}

#[test]
fn who_is_left_alone_without_what_its_shard_holds_serves_nobody() {
    let mut bench = Bench::new(3, 1, &Settings::default());
    fill(&mut bench, 20);
    let remove = |node: u32| Request::Admin(AdminCommand::RemoveNode(format!("10.0.0.{}:8090", node + 1)));
    bench.begin(0, remove(0));
    bench.run_ms(1_000);
    bench.cut(1);
    bench.wipe(2);
    bench.run_ms(DOWN_MS);
    bench.begin(0, remove(1));
    bench.run_ms(2_000);
    assert_eq!(bench.config().seat(NodeId(1)).filter(|seat| seat.standing.speaks()), None, "it is removed");
    assert!(!bench.nodes[2].status().serves, "it has nothing, where there was something");
}

#[test]
fn a_reshard_goes_on_without_half_of_the_nodes() {
    let mut bench = Bench::new(4, 2, &Settings::default());
    let token = fill(&mut bench, 20);
    bench.cut(2);
    bench.cut(3);
    bench.run_ms(DOWN_MS);
    assert_eq!(bench.admin(0, AdminCommand::Reshard(1)), Ok(Answer::Changed));
    bench.cut.clear();
    bench.run_ms(5_000);
    all_read(&mut bench, 20, &token);
}

#[test]
fn what_a_process_said_before_it_lost_its_disk_does_not_hide_the_next_one() {
    let mut bench = Bench::new(3, 1, &Settings::default());
    let pair = |from, to| (NodeId(from), NodeId(to));
    // n2 is told of a newer epoch by n1, and gets no config.
    bench.cut.extend([pair(2, 0), pair(2, 1), pair(0, 2)]);
    bench.begin(0, Request::Admin(AdminCommand::AddNode("10.0.0.9:8090".to_owned())));
    bench.run_ms(300);
    assert!(bench.nodes[1].epoch() > bench.nodes[2].epoch());
    // Of this process of n1 it hears nothing else.
    let marks = Marks { may_write: true, holds: Some(ActorId(1)), config: Some(bench.config()), ..Marks::default() };
    bench.restart(1, Recovered { marks: Some(marks), verdict: Verdict::Complete, ..Recovered::default() });
    bench.run_ms(200);
    // The next process of n1 begins in the first epoch, and is heard at once.
    bench.cut.insert(pair(1, 0));
    bench.wipe(1);
    bench.run_ms(200);
    bench.cut.clear();
    bench.run_ms(3_000);
    assert_eq!(bench.nodes[2].epoch(), bench.config().epoch());
    let status = bench.nodes[2].status();
    let of_n1 = status.peers.iter().find(|peer| peer.node == NodeId(1)).expect("a peer");
    assert!(of_n1.up && !of_n1.suspected, "{of_n1:?}");
}

#[test]
fn a_lost_disk_of_a_shard_that_owns_nothing_yet_says_that_nothing_is_all_there_is() {
    let mut bench = Bench::new(6, 2, &Settings::default());
    fill(&mut bench, 60);
    bench.begin(0, Request::Admin(AdminCommand::Reshard(3)));
    let takers = |bench: &Bench| bench.config().replicas(ShardId(2)).copied().collect::<Vec<Actor>>();
    bench.until(|bench| takers(bench).len() == 2);
    let [taker, other] = takers(&bench)[..] else { panic!("two replicas") };
    bench.starves = Some(other.node);
    bench.until_stage(Stage::Copying);
    bench.log_is_down = true;
    bench.wipe(taker.node.0);
    bench.run_ms(1_000);
    // Else the next process would find another's replica there, and forget what this one has acknowledged.
    assert_eq!(bench.marks[&(taker.node.0 as usize)].holds, Some(taker.actor));
}
