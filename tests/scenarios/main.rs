//! Scenarios that a reader can follow, and the account of each in `snapshots/`. They change only when what a client can see changes.

mod story;

use causeway::node::Settings;
use causeway_sim::world::Death;
use story::{Story, tell};

/// Compares a story with its snapshot, which begins with why it is told.
fn check(name: &str, why: &str, text: &str) {
    insta::with_settings!({
        snapshot_path => "../../snapshots",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, format!("{why}\n\n{text}"));
    });
}

#[test]
fn a_write_is_seen_at_every_node() {
    let text = tell(6, 2, Settings::default(), |mut story: Story| async move {
        story.put("alice", 0, "x", 1).await;
        story.put("alice", 1, "y", 2).await;
        for node in 0..6 {
            story.get("alice", node, "x").await;
            story.get("alice", node, "y").await;
        }
        story
    });
    check(
        "a_write_is_seen_at_every_node",
        "A session reads its own writes at every node, also where another shard holds the key.",
        &text,
    );
}

#[test]
fn an_effect_waits_for_its_cause() {
    let text = tell(4, 2, Settings::default(), |mut story: Story| async move {
        let (album, photo) = (story.key_of(0), story.key_of(1));
        story.put("alice", 0, &album, 1).await;
        story.wait_ms(500).await;
        story.cut_off(2);
        story.cut_off(3);
        story.put("alice", 0, &album, 2).await;
        story.put("alice", 1, &photo, 3).await;
        story.get("bob", 1, &photo).await;
        story.get("bob", 2, &album).await;
        story.get("carol", 2, &album).await;
        story.heal(2);
        story.heal(3);
        story.wait_ms(1_000).await;
        story.get("bob", 2, &album).await;
        story
    });
    check(
        "an_effect_waits_for_its_cause",
        "Bob has seen Alice's second write of one key through a key of another shard. A replica that lacks it must not show him the\nfirst; Carol, who has seen nothing, may still be shown it.",
        &text,
    );
}

#[test]
fn a_node_cut_off_goes_on_writing() {
    let text = tell(3, 1, Settings::default(), |mut story: Story| async move {
        story.cut_off(2);
        story.wait_ms(4_000).await;
        story.view_of(2).await;
        story.put("alice", 2, "x", 1).await;
        story.get("alice", 2, "x").await;
        story.get("alice", 0, "x").await;
        story.heal(2);
        story.wait_ms(2_000).await;
        story.get("bob", 0, "x").await;
        story.view_of(2).await;
        story
    });
    check(
        "a_node_cut_off_goes_on_writing",
        "A replica that sees nobody acknowledges writes, and everyone has them soon after the heal.",
        &text,
    );
}

#[test]
fn concurrent_writes_converge() {
    let text = tell(3, 1, Settings::default(), |mut story: Story| async move {
        story.cut_off(0);
        story.put("alice", 0, "x", 1).await;
        story.wait_ms(100).await;
        story.put("bob", 1, "x", 2).await;
        story.get("alice", 0, "x").await;
        story.get("bob", 2, "x").await;
        story.heal(0);
        story.wait_ms(2_000).await;
        for node in 0..3 {
            story.get("carol", node, "x").await;
        }
        story
    });
    check(
        "concurrent_writes_converge",
        "Both sides of a partition write one key. Every replica ends with the same one, the later by its clock.",
        &text,
    );
}

#[test]
fn a_delete_leaves_nothing_behind() {
    let text = tell(3, 1, Settings::default(), |mut story: Story| async move {
        story.put("alice", 0, "x", 1).await;
        story.delete("alice", 1, "x").await;
        story.get("alice", 2, "x").await;
        story.state_of(0).await;
        story.wait_ms(2_000).await;
        story.state_of(0).await;
        story.delete("alice", 1, "x").await;
        story.put("alice", 2, "x", 2).await;
        story
    });
    check(
        "a_delete_leaves_nothing_behind",
        "A tombstone is kept until every replica has it and everything older; then it goes, by no clock on the wall.",
        &text,
    );
}

#[test]
fn what_was_acknowledged_survives_power_loss() {
    let text = tell(2, 1, Settings::default(), |mut story: Story| async move {
        story.cut_off(0);
        story.put("alice", 0, "x", 1).await;
        story.end(0, Death::PowerLoss);
        story.wait_ms(500).await;
        story.get("alice", 1, "x").await;
        story.start(0);
        story.heal(0);
        story.wait_ms(1_000).await;
        story.get("alice", 1, "x").await;
        story.state_of(0).await;
        story
    });
    check(
        "what_was_acknowledged_survives_power_loss",
        "The only copy of an acknowledged write is on a disk whose machine loses power. It is there when the node is back.",
        &text,
    );
}

#[test]
fn a_request_finds_another_member() {
    let text = tell(6, 2, Settings::default(), |mut story: Story| async move {
        story.put("alice", 0, "x", 1).await;
        story.put("alice", 0, "y", 2).await;
        story.wait_ms(500).await;
        story.end(1, Death::Kill);
        story.end(2, Death::Kill);
        for node in [0, 3, 4, 5] {
            story.get("alice", node, "x").await;
            story.get("alice", node, "y").await;
        }
        story.wait_ms(5_000).await;
        story.view_of(0).await;
        story
    });
    check(
        "a_request_finds_another_member",
        "One member of each shard dies. Requests that another node passes on reach a member that lives.",
        &text,
    );
}

#[test]
fn a_write_concern_is_met_or_its_outcome_unknown() {
    let text = tell(3, 1, Settings::default(), |mut story: Story| async move {
        story.put_with("alice", 0, ("x", 1), ("write-concern", "3")).await;
        story.cut_off(2);
        story.put_with("alice", 0, ("x", 2), ("write-concern", "2")).await;
        story.put_with("alice", 0, ("x", 3), ("write-concern", "3")).await;
        story.get("alice", 1, "x").await;
        story.put_with("alice", 0, ("x", 4), ("write-concern", "4")).await;
        story
    });
    check(
        "a_write_concern_is_met_or_its_outcome_unknown",
        "A write may ask to be on more disks before it is answered. Too few in time is not 'not applied'.",
        &text,
    );
}

#[test]
fn a_retry_is_one_write() {
    let text = tell(3, 1, Settings::default(), |mut story: Story| async move {
        let key = ("idempotency-key", "order-17");
        story.put_with("alice", 0, ("x", 1), key).await;
        story.put_with("alice", 1, ("x", 1), key).await;
        story.put("bob", 0, "x", 2).await;
        story.put_with("alice", 0, ("x", 1), key).await;
        story.get("bob", 0, "x").await;
        story.put_with("alice", 0, ("x", 9), key).await;
        story
    });
    check(
        "a_retry_is_one_write",
        "A client that got no answer asks again under the same name, at any node: one write, the first answer, no second effect.",
        &text,
    );
}

#[test]
fn repair_is_held_off_after_a_heal() {
    let settings = Settings { repair_holdoff_ms: 2_500, causal_wait_ms: 0, ..Settings::default() };
    let text = tell(3, 1, settings, |mut story: Story| async move {
        story.put("alice", 0, "x", 1).await;
        story.wait_ms(500).await;
        story.remembers_as("alice", "old");
        story.cut_off(2);
        story.wait_ms(500).await;
        story.put("alice", 0, "x", 2).await;
        story.wait_ms(500).await;
        story.heal(2);
        story.wait_ms(1_000).await;
        story.get("alice", 2, "x").await;
        story.get("old", 2, "x").await;
        story.wait_ms(4_000).await;
        story.get("alice", 2, "x").await;
        story
    });
    check(
        "repair_is_held_off_after_a_heal",
        "With a holdoff a healed peer gets no repair for a while: it refuses who has seen more, and still serves who has not.",
        &text,
    );
}

#[test]
fn slow_is_not_dead() {
    let text = tell(3, 1, Settings::default(), |mut story: Story| async move {
        story.pause(1, 2_000).await;
        story.view_of(0).await;
        story.end(1, Death::Kill);
        story.wait_ms(4_500).await;
        story.view_of(0).await;
        story.start(1);
        story.wait_ms(1_000).await;
        story.view_of(0).await;
        story
    });
    check(
        "slow_is_not_dead",
        "A node that is paused for two seconds keeps its place in the view; one that dies leaves it, and comes back by itself.",
        &text,
    );
}

#[test]
fn a_lost_disk_is_filled_again() {
    let text = tell(3, 1, Settings::default(), |mut story: Story| async move {
        story.put("alice", 2, "x", 1).await;
        story.wait_ms(500).await;
        story.lose_disk(2);
        story.start(2);
        story.wait_ms(2_000).await;
        story.get("bob", 2, "x").await;
        story.state_of(2).await;
        story.put("bob", 2, "x", 2).await;
        story.get("alice", 1, "x").await;
        story
    });
    check(
        "a_lost_disk_is_filled_again",
        "A node whose disk is lost fetches what its peers have. Its old name is not used again: it passes writes to a peer.",
        &text,
    );
}
