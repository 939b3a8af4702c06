//! Whether the nodes of one store have the same secrets.
//!
//! In the path: `serve` joins before it lets anybody in. On a store that is shared, the node says again and again that it
//! lives, and with which secrets.
//!
//! Invariants: what is stored of a secret is 36 bits of an HMAC with it, or the name that tokens remember a key by anyway:
//! enough to see a difference, and too little to find or confirm the secret. Nodes that live at the same time sign visitors
//! with the same secret, because otherwise a visitor would be somebody else at each request, and lose the conversation.
//! Keys of apps may differ for a while: they are replaced node by node.

use std::collections::{BTreeMap, BTreeSet};

use crate::limits::RENEW_LEASES_EVERY;
use crate::signing::{KeyTable, Visitors};
use crate::start_error::StartError;
use crate::state::AppState;
use crate::store::{Joined, NodeRecord};

/// By app: the names of its keys, `kid/fingerprint`.
type Names = BTreeMap<String, BTreeSet<String>>;

/// What this node says of its secrets.
pub(crate) fn record(visitors: &Visitors, table: &KeyTable) -> NodeRecord {
    NodeRecord {
        visitors: visitors.fingerprint(),
        // Names and lists can always be written.
        keys: serde_json::to_string(&table.names()).unwrap_or_default(),
    }
}

/// What differs, as a sentence for the log. `None`: nothing.
pub(crate) fn difference(mine: &NodeRecord, joined: &Joined) -> Option<String> {
    match joined {
        Joined::Refused => Some(REFUSED.to_owned()),
        Joined::Alone(None) => None,
        Joined::Alone(Some(last)) => {
            let visitors = (last.visitors != mine.visitors)
                .then(|| "the secret of visitors (those without a name begin anew)".to_owned());
            let keys = replaced(mine, last);
            let all: Vec<String> = visitors.into_iter().chain(keys).collect();
            (!all.is_empty())
                .then(|| format!("since the last start this was replaced: {}", all.join(", ")))
        }
        Joined::Beside(others) => {
            let of_one = |other| {
                replaced(mine, other)
                    .chain(missing(mine, other))
                    .collect::<Vec<_>>()
            };
            let all: BTreeSet<String> = others.iter().flat_map(of_one).collect();
            let all: Vec<String> = all.into_iter().collect();
            (!all.is_empty()).then(|| {
                format!(
                    "another node has other keys, and refuses what they sign: {}; give all nodes the same",
                    all.join(", ")
                )
            })
        }
    }
}

/// Compares with the servers that use the database now, and notes nothing there.
///
/// # Errors
/// This server would not start beside them.
pub(crate) fn compare(
    mine: &NodeRecord,
    living: Vec<NodeRecord>,
) -> Result<Option<String>, StartError> {
    if living.iter().any(|it| it.visitors != mine.visitors) {
        return Err(StartError::Secrets(REFUSED.to_owned()));
    }
    Ok(difference(mine, &Joined::Beside(living)))
}

const REFUSED: &str = "another server that uses this database signs visitors with another secret, so visitors would lose \
    their conversations: give all of them the same tokens.visitor_secret_file; to replace the secret, end all servers first";

fn names(record: &NodeRecord) -> Names {
    serde_json::from_str(&record.keys).unwrap_or_default()
}

/// By id: the names of the app's keys.
fn by_kid(names: &BTreeSet<String>) -> BTreeMap<&str, &str> {
    let split = names.iter().filter_map(|name| name.rsplit_once('/'));
    split.collect()
}

/// Keys that have the same id and are others.
fn replaced(mine: &NodeRecord, other: &NodeRecord) -> impl Iterator<Item = String> + use<> {
    let (mine, theirs) = (names(mine), names(other));
    let mut found = Vec::new();
    for (app, mine) in &mine {
        let theirs = theirs.get(app).map(by_kid).unwrap_or_default();
        for (kid, print) in by_kid(mine) {
            if theirs.get(kid).is_some_and(|other| *other != print) {
                found.push(format!("the key `{kid}` of the app `{app}`"));
            }
        }
    }
    found.into_iter()
}

/// Keys that only one of both has, of apps that both have.
fn missing(mine: &NodeRecord, other: &NodeRecord) -> impl Iterator<Item = String> + use<> {
    let (mine, theirs) = (names(mine), names(other));
    let mut found = Vec::new();
    for (app, mine) in &mine {
        let Some(theirs) = theirs.get(app) else {
            continue;
        };
        let (mine, theirs) = (by_kid(mine), by_kid(theirs));
        let only = |these: &BTreeMap<&str, &str>, those: &BTreeMap<&str, &str>, which: &str| {
            let alone = these.keys().filter(|kid| !those.contains_key(*kid));
            let told = alone.map(|kid| format!("only {which} the key `{kid}` of the app `{app}`"));
            told.collect::<Vec<_>>()
        };
        found.extend(only(&mine, &theirs, "this one has"));
        found.extend(only(&theirs, &mine, "the other has"));
    }
    found.into_iter()
}

impl AppState {
    /// Notes in the store that this node is there, and warns if others have other keys.
    ///
    /// # Errors
    /// A node that lives signs visitors with another secret, or the store cannot be asked.
    pub async fn join(&self) -> Result<(), StartError> {
        let mine = record(&self.visitors, &self.keys.table());
        let joined = self.store.join(mine.clone(), self.clock.now()).await?;
        let told = difference(&mine, &joined);
        if joined == Joined::Refused {
            return Err(StartError::Secrets(told.unwrap_or_default()));
        }
        if let Some(sentence) = &told {
            tracing::warn!("{sentence}");
        }
        if self.store.is_shared() {
            self.shutdown.spawn("node", stay(self.clone(), told));
        }
        Ok(())
    }
}

/// Says again and again that this node lives, and once what differs by now.
async fn stay(state: AppState, mut told: Option<String>) {
    let mut failed = false;
    loop {
        tokio::select! {
            () = tokio::time::sleep(RENEW_LEASES_EVERY) => {}
            () = state.shutdown.cancelled() => return,
        }
        let mine = record(&state.visitors, &state.keys.table());
        match state.store.join(mine.clone(), state.clock.now()).await {
            // Nobody else is there: what came before was said at the start.
            Ok(Joined::Alone(_)) => told = None,
            Ok(joined) => {
                let now = difference(&mine, &joined);
                if let Some(sentence) = now.as_ref().filter(|_| now != told) {
                    tracing::warn!("{sentence}");
                }
                told = now;
            }
            Err(error) => {
                tracing::debug!(%error, "the store was not told that this node lives");
                failed = true;
                continue;
            }
        }
        if std::mem::take(&mut failed) {
            // Others may have removed what this node had noted.
            state.rtm.registry.note_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use secrecy::SecretString;

    use super::*;
    use crate::config::test_config;
    use crate::signing::install_crypto;

    const SECRET: &str = "tK4t2vQmS0cW8yXrE6uJ1zPaB5dHnLfG";
    const OTHER: &str = "oN7q3wRkT1eZ9xUvC5yIb2mAd6sFgHjL";

    fn node(visitors: &str, keys: &[(&str, &str)]) -> NodeRecord {
        install_crypto();
        let mut text = "[apps.cs-a]\nbots = []\norigins = []\n".to_owned();
        for (kid, secret) in keys {
            let table = "[[apps.cs-a.keys]]\nalgorithm = \"HS256\"";
            let _ = writeln!(text, "{table}\nkid = \"{kid}\"\nsecret = \"{secret}\"");
        }
        let config = test_config(&text);
        let table = KeyTable::load(&config).unwrap();
        let visitors = Visitors::new(&SecretString::from(visitors), config.base_path());
        record(&visitors, &table)
    }

    #[test]
    fn what_differs_is_named_and_no_secret_is_told() {
        let mine = node(SECRET, &[("k1", SECRET), ("k2", OTHER)]);
        let beside = |other| difference(&mine, &Joined::Beside(vec![other]));
        assert_eq!(beside(mine.clone()), None);
        assert_eq!(difference(&mine, &Joined::Alone(None)), None);
        let other_key = beside(node(SECRET, &[("k1", OTHER), ("k2", OTHER)])).unwrap();
        assert!(
            other_key.contains("the key `k1` of the app `cs-a`;"),
            "{other_key}"
        );
        assert!(!other_key.contains("k2"), "{other_key}");
        let more = beside(node(SECRET, &[("k1", SECRET), ("k3", OTHER)])).unwrap();
        assert!(more.contains("only this one has the key `k2`"), "{more}");
        assert!(more.contains("only the other has the key `k3`"), "{more}");
        let last = node(OTHER, &[("k1", OTHER)]);
        let since = difference(&mine, &Joined::Alone(Some(last.clone()))).unwrap();
        assert!(since.contains("the secret of visitors"), "{since}");
        assert!(
            since.contains("the key `k1`") && !since.contains("k2"),
            "{since}"
        );
        for said in [&other_key, &more, &since, &format!("{mine:?}{last:?}")] {
            assert!(!said.contains(SECRET) && !said.contains(OTHER));
        }
        assert_eq!(mine.visitors.len(), 6);
        assert_ne!(mine.visitors, last.visitors);
    }
}
