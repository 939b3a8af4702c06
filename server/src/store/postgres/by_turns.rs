//! Two stores on one database, of which each call goes to the other one. They take leases in the same name: what is shown
//! is that PostgreSQL's locks hold between them.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::PostgresStore;
use crate::clock::Millis;
use crate::store::{
    AnswersAppended, Appended, Completed, Conversation, ConversationId, Dossier, EndedAccess,
    Forgotten, HistoryQuery, JobId, Joined, Missed, NewAnswers, NewGrant, NewMessage, NextJob,
    NodeRecord, OpenSession, Owner, Pruned, PrunedUsers, RetentionLimits, SecretHash,
    SessionOpened, Spending, Store, StoreError, StoredPage, Swept, TicketRecord, TokenRecord,
    TurnEnd, User, Writes,
};

pub(super) struct ByTurns {
    nodes: [PostgresStore; 2],
    calls: AtomicUsize,
}

impl ByTurns {
    pub(super) fn new(nodes: [PostgresStore; 2]) -> Self {
        let calls = AtomicUsize::new(0);
        Self { nodes, calls }
    }

    fn next(&self) -> &PostgresStore {
        &self.nodes[self.calls.fetch_add(1, Ordering::Relaxed) % 2]
    }
}

macro_rules! by_turns {
    ($($name:ident($($argument:ident: $type:ty),*) -> $output:ty;)*) => {
        #[async_trait]
        impl Store for ByTurns {
            $(
                async fn $name(&self, $($argument: $type),*) -> Result<$output, StoreError> {
                    self.next().$name($($argument),*).await
                }
            )*

            fn writes(&self) -> Writes {
                self.next().writes()
            }
        }
    };
}

by_turns! {
    user(app: &str, identity: &str, new_id: &str, now: Millis) -> User;
    grant(grant: NewGrant) -> Option<User>;
    token(hash: SecretHash, now: Millis) -> Option<TokenRecord>;
    revoke_token(hash: SecretHash, now: Millis) -> bool;
    revoke_user(user: &str, now: Millis) -> ();
    sign_out(identity: &str, now: Millis, forget: Millis) -> Vec<String>;
    signed_out(identity: &str) -> Option<Millis>;
    conversations_of(user: &str) -> Vec<ConversationId>;
    put_ticket(ticket: TicketRecord) -> ();
    take_ticket(hash: SecretHash, now: Millis) -> Option<TicketRecord>;
    open_session(open: OpenSession) -> SessionOpened;
    close_session(conversation: ConversationId, now: Millis) -> Option<JobId>;
    append_message(message: NewMessage) -> Appended;
    next_job(conversation: ConversationId, now: Millis) -> NextJob;
    take_job(conversation: ConversationId, now: Millis) -> Option<NextJob>;
    renew_leases(held: Vec<ConversationId>, now: Millis) -> ();
    open_conversations_with_jobs(now: Millis) -> Vec<ConversationId>;
    complete_job(job: JobId, end: TurnEnd, now: Millis) -> Completed;
    append_answers(new: NewAnswers) -> AnswersAppended;
    set_owner(conversation: ConversationId, only_if: Option<Owner>, to: Owner, now: Millis) -> Option<Owner>;
    postpone_job(job: JobId, attempts: u32, due: Millis) -> ();
    conversation(user: &str, bot: &str) -> Option<Conversation>;
    conversation_named(name: &str) -> Option<Conversation>;
    history(query: HistoryQuery) -> StoredPage;
    newest(app: &str, identity: &str, issued: Millis, bot: &str, limit: u32) -> Option<StoredPage>;
    since(conversation: ConversationId, after: u64, limit: u32, bytes: usize) -> Missed;
    spend(spendings: Vec<Spending>) -> Option<usize>;
    sweep(now: Millis) -> Swept;
    prune(retention: RetentionLimits, after: Option<ConversationId>) -> Pruned;
    prune_users(unused_since: Millis, now: Millis, after: Option<String>) -> PrunedUsers;
    dossiers(identity: &str, app: Option<&str>) -> Vec<Dossier>;
    forget(user: &str, bot: Option<&str>, now: Millis) -> Forgotten;
    ended_access(after: u64) -> Vec<EndedAccess>;
    join(node: NodeRecord, now: Millis) -> Joined;
    seats_elsewhere(user: &str) -> u32;
    put_seats(seats: Vec<(String, u32)>) -> ();
    health() -> ();
    close() -> ();
}
