//! What every store must do. A store's tests call `run_contract!` with a [`Database`] of theirs.
//!
//! Each function is one test on an empty database. Opening a database again without closing the first
//! store is a crash: only what was committed may be there.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{
    Appended, ConversationId, Fingerprint, NewAnswer, NewMessage, OpenMode, OpenSession, Store,
    StoreError, TurnEnd,
};
use crate::clock::Millis;
use crate::ids::{Ids as _, RandomIds};

pub(super) mod access;
pub(super) mod at_once;
pub(super) mod counters;
pub(super) mod jobs;
pub(super) mod leases;
pub(super) mod messages;
pub(super) mod nodes;
pub(super) mod owners;
pub(super) mod pages;
pub(super) mod retention;
pub(super) mod sessions;
pub(super) mod users;

/// Where a store's data lies.
#[async_trait]
pub(super) trait Database: Send + Sync {
    /// Opens the store on it for this node, as often as wanted.
    async fn open_as(&self, node: &str) -> Arc<dyn Store>;

    /// So much time passes, for a store that goes by its own clock.
    async fn pass(&self, _time: Duration) {}

    /// Opens it for a node that is always the same one.
    async fn open(&self) -> Arc<dyn Store> {
        self.open_as("here").await
    }
}

/// Makes one test of each function; `$database` is an expression that gives an empty [`Database`].
macro_rules! run_contract {
    ($database:expr) => {
        $crate::store::contract::run_contract! { @each $database;
            access {
                an_identity_is_one_user_in_each_app
                a_user_seen_by_many_at_once_is_made_once
                a_token_opens_until_it_expires_or_is_revoked
                a_ticket_is_taken_exactly_once_by_racing_tasks
                a_ticket_carries_its_context_and_expires
                a_used_assertion_is_a_replay_until_it_expires
                racing_replays_pass_exactly_once
                a_grant_spends_its_assertion_and_keeps_its_token_or_neither
                what_was_said_of_a_user_last_is_kept
                a_users_access_ends_all_at_once
                ended_access_is_listed_for_other_nodes_with_its_newest_end
                who_signed_out_has_no_access_in_any_app_and_gets_none_for_what_was_issued_before
                the_sweep_removes_what_expired_and_nothing_else
            }
            sessions {
                the_first_connection_starts_a_session_whatever_its_mode
                an_active_session_is_continued_or_replaced_by_mode
                a_session_in_which_nobody_spoke_is_not_replaced_by_our_widget
                an_idle_session_is_not_continued
                activity_keeps_a_session_alive
                a_closed_session_is_followed_by_a_new_one
                racing_connections_share_one_conversation_and_one_welcome
                a_session_of_an_unknown_user_is_refused
                sessions_of_users_and_bots_are_apart
                a_session_survives_a_crash
            }
            messages {
                messages_get_sequences_in_order_without_gaps
                a_message_sent_again_is_stored_once
                an_id_with_other_words_is_another_message
                the_same_words_after_the_window_are_a_new_message
                the_same_message_at_once_on_many_sockets_is_stored_once
                a_message_sent_again_after_a_crash_is_stored_once
                a_number_and_a_string_are_two_ids
                two_users_may_use_the_same_ids
                messages_without_an_id_are_all_stored
                a_failing_message_harms_no_other_of_its_batch
                ten_thousand_messages_keep_their_order
            }
            at_once {
                answers_given_at_once_stand_behind_their_message
                who_must_wait_is_answered_by_a_job
                an_answer_at_once_takes_no_lease_and_respects_another_nodes
                a_greeting_given_at_once_comes_with_its_session
            }
            pages {
                pages_backwards_neither_skip_nor_repeat_under_writes
                a_page_holds_so_many_bytes_and_goes_on
                pages_by_offset_count_from_the_newest
                pages_forwards_end_at_the_head
                pages_by_message_id_find_their_place
                an_unknown_conversation_has_an_empty_history
                the_newest_page_is_found_by_identity_and_bot
                who_signed_out_since_the_proof_gets_no_newest_page
                what_was_missed_comes_whole_or_not_at_all
                much_that_was_missed_comes_in_pieces
            }
            retention {
                nothing_is_forgotten_unless_asked_for
                what_may_be_sent_again_stays
                the_newest_are_kept_in_each_conversation_and_sequences_go_on
                the_old_go_until_the_first_that_is_young
                a_cursor_before_the_edge_cannot_be_continued_one_at_it_can
                an_open_job_keeps_its_message_and_all_after_it
                one_step_is_bounded_and_others_write_between_two
            }
            owners {
                a_conversation_is_found_by_its_name_for_its_whole_life
                a_job_knows_whom_and_what_its_turn_is_about
                a_turn_keeps_hands_over_and_closes_with_its_answer
                a_turn_whose_conversation_was_taken_over_changes_nothing
                an_owner_that_races_with_an_answer_comes_before_or_after_it
                a_turn_closes_its_own_session_only
                answers_outside_a_turn_are_stored_once_in_the_current_session
                the_same_answer_at_once_is_stored_once
                answers_outside_a_turn_are_refused_to_who_has_not_the_conversation
                an_owner_is_changed_by_whom_it_is_meant_for
                a_reload_leaves_a_person_in_place_and_a_new_session_is_the_bots
            }
            users {
                a_dossier_holds_what_is_kept_of_an_identity
                a_forgotten_user_is_gone_with_everything_and_others_stay
                a_conversation_can_be_forgotten_alone
                an_erasure_is_told_to_others_and_forgotten_after_a_day
                a_user_without_messages_goes_when_it_is_old
                many_unused_users_go_in_steps
            }
            counters {
                a_counter_stops_at_its_limit_and_outlives_a_restart
                spendings_are_counted_all_or_none
                racing_spendings_share_one_limit
            }
            jobs {
                a_message_has_its_job_and_the_job_its_message
                a_job_completed_twice_answers_once
                racing_completions_answer_once
                jobs_of_a_conversation_come_one_after_the_other
                what_comes_next_is_told_without_asking
                a_postponed_job_holds_back_those_behind_it
                open_jobs_survive_a_crash_and_done_ones_do_not_return
                a_job_without_answers_ends_too
                answers_stand_behind_the_messages_before_them
            }
            leases {
                one_node_at_a_time_works_on_a_conversation
                a_lease_that_is_not_renewed_is_taken_over_and_the_loser_stores_nothing
                a_node_that_starts_again_goes_on_with_its_own
                work_without_a_living_node_is_found
                racing_nodes_take_one_lease
            }
            nodes {
                nodes_that_live_know_of_each_other_and_the_last_one_is_remembered
                a_node_that_starts_again_sees_what_it_was
                nodes_that_live_sign_visitors_with_the_same_secret
                of_nodes_that_start_at_once_with_different_secrets_one_is_noted
            }
        }
    };
    (@each $database:expr; $($topic:ident { $($test:ident)* })*) => {$(
        mod $topic {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    $crate::store::contract::$topic::$test(&$database).await;
                }
            )*
        }
    )*};
}
pub(super) use run_contract;

const BOT: &str = "st-demo";
const APP: &str = "cs-demo";
const IDLE: Duration = Duration::from_mins(30);
const NOW: Millis = Millis(1_800_000_000_000);

fn minutes(count: u64) -> Duration {
    Duration::from_mins(count)
}

/// The id of a user with this identity.
async fn user(store: &dyn Store, identity: &str) -> String {
    let id = format!("u-{identity}");
    store
        .user(APP, identity, &id, NOW)
        .await
        .expect("a user")
        .id
}

fn opening(user: &str, mode: OpenMode, new_session_id: &str, now: Millis) -> OpenSession {
    OpenSession {
        user: user.to_owned(),
        bot: BOT.to_owned(),
        app: APP.to_owned(),
        mode,
        new_session_id: new_session_id.to_owned(),
        new_conversation_name: RandomIds.conversation(),
        idle: IDLE,
        now,
        context: r#"{"ui":"v3"}"#.to_owned(),
        at_once: None,
    }
}

/// A conversation of a new user, its welcome done: no jobs, no messages.
async fn conversation(store: &dyn Store, identity: &str) -> ConversationId {
    let user = user(store, identity).await;
    let open = opening(&user, OpenMode::Default, "ss-1", NOW);
    let opened = store.open_session(open).await.expect("a session");
    if let Some(job) = opened.job {
        store
            .complete_job(job, TurnEnd::default(), NOW)
            .await
            .expect("completes");
    }
    opened.conversation
}

fn new_message(conversation: ConversationId, client_id: Option<&str>, text: &str) -> NewMessage {
    NewMessage {
        conversation,
        message_id: format!("ms-{text}"),
        client_message_id: client_id.map(str::to_owned),
        words: Fingerprint::of(text),
        body: format!(r#"{{"body":"{text}"}}"#),
        session_id: "ss-1".to_owned(),
        context: String::new(),
        at_once: None,
        now: NOW,
    }
}

async fn append(store: &dyn Store, conversation: ConversationId, id: &str) -> Appended {
    let message = new_message(conversation, Some(id), id.trim_matches('"'));
    store.append_message(message).await.expect("appends")
}

/// The end of a turn of the bot's that changes nothing but the transcript.
fn said(answers: Vec<NewAnswer>) -> TurnEnd {
    TurnEnd {
        answers,
        ..TurnEnd::default()
    }
}

fn answer(text: &str) -> NewAnswer {
    NewAnswer {
        message_id: format!("ms-{text}"),
        body: format!(r#"{{"cInfo":{{"body":"{text}"}}}}"#),
    }
}

fn unknown<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(
        matches!(result, Err(StoreError::Unknown { .. })),
        "{result:?}"
    );
}
