//! What somebody can observe changes an account: a planted bug changes the account of the story that is named for it. The one bug that
//! no story of a few nodes can show, `fold-keeps-floor`, needs a token with more than 128 actors.

use causeway::mutant::Mutant;
use causeway_sim::scenario::Conditions;

use super::account_of;

/// Bugs, each with a story that shows it.
const SHOWN_BY: [(Mutant, &str); 16] = [
    (Mutant::ReadWithoutCheck, "an_effect_waits_for_its_cause"),
    (Mutant::TokenKeepsOnlyTheDot, "an_effect_waits_for_its_cause"),
    (Mutant::PromiseAheadOfData, "a_lost_answer_is_asked_for_again"),
    (Mutant::RestartWithoutLease, "a_clock_that_went_back_is_not_believed"),
    (Mutant::AnswerBeforeFsync, "a_torn_log_tail_is_cut_off"),
    (Mutant::RecoveryDropsTail, "what_was_acknowledged_survives_power_loss"),
    (Mutant::ReapplyBelowVector, "what_comes_late_is_known_already"),
    (Mutant::LastArrivalWins, "concurrent_writes_converge"),
    (Mutant::TombstoneCollectedEarly, "a_delete_leaves_nothing_behind"),
    (Mutant::DeleteWithoutTombstone, "a_delete_and_a_write_meet"),
    (Mutant::ForwardDropsToken, "a_node_cut_off_goes_on_writing"),
    (Mutant::MacNotChecked, "a_forged_token_is_refused"),
    (Mutant::GapAccepted, "a_straggler_gets_a_snapshot"),
    (Mutant::AnswerWithoutDot, "an_effect_waits_for_its_cause"),
    (Mutant::EvictedTailDropped, "an_evicted_node_returns_by_itself"),
    (Mutant::RetryAppliedTwice, "a_retry_is_one_write"),
];

#[test]
fn a_planted_bug_changes_the_account_of_its_story() {
    for (mutant, name) in SHOWN_BY {
        let sound = account_of(name, &Conditions::default());
        let broken = account_of(name, &Conditions { mutant: Some(mutant), ..Conditions::default() });
        assert!(sound != broken, "{name} does not show {mutant}");
    }
}
