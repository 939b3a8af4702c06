//! Counts the open sockets by user and by address, refuses one that is too many, and ends sockets whose access token,
//! user or key is gone.
//!
//! In the path: `socket` asks for a [`Registration`] before the upgrade. The socket's task holds it, and its drop
//! counts the socket off, however the task ends. `access` revokes.
//!
//! Invariant: the counts are the numbers of registrations that exist.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::limits::SOCKETS_PER_USER;
use crate::security::client_ip::AddressKey;
use crate::store::SecretHash;

/// The sockets of this process.
#[derive(Debug)]
pub struct Registry {
    counts: Mutex<Counts>,
    per_address: u32,
    shared: bool,
}

#[derive(Debug, Default)]
struct Counts {
    users: HashMap<Arc<str>, Granted>,
    addresses: HashMap<AddressKey, u32>,
    tokens: HashMap<SecretHash, Granted>,
    all: usize,
    /// Users with several sockets, now or before, of whom other nodes have not learned yet.
    changed: HashSet<Arc<str>>,
}

/// The sockets of one user or of one access token.
#[derive(Debug)]
struct Granted {
    user: Arc<str>,
    sockets: u32,
    /// The app and the key that vouched for the token. `None` until they are known.
    by: Option<(Box<str>, Box<str>)>,
    revoked: CancellationToken,
}

/// Which limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The user has too many sockets.
    User,
    /// The address has too many sockets.
    Address,
}

/// One open socket, as it is counted. Dropping it counts the socket off.
#[derive(Debug)]
pub struct Registration {
    registry: Arc<Registry>,
    user: Arc<str>,
    address: AddressKey,
    token: SecretHash,
    revoked: CancellationToken,
}

impl Registry {
    /// An empty registry. `per_address` 0: no limit. `shared`: other nodes have to learn who has several sockets here.
    pub fn new(per_address: u32, shared: bool) -> Self {
        Self {
            counts: Mutex::default(),
            per_address,
            shared,
        }
    }

    /// Counts a socket, unless a limit is reached.
    ///
    /// # Errors
    /// When the user or the address has too many.
    pub fn enter(
        self: &Arc<Self>,
        user: &str,
        address: IpAddr,
        token: SecretHash,
    ) -> Result<Registration, Full> {
        let address = AddressKey::from(address);
        let mut counts = self.lock();
        if counts
            .users
            .get(user)
            .is_some_and(|here| here.sockets >= SOCKETS_PER_USER)
        {
            return Err(Full::User);
        }
        let neighbours = counts.addresses.get(&address).copied().unwrap_or_default();
        if self.per_address > 0 && neighbours >= self.per_address {
            return Err(Full::Address);
        }
        let user = match counts.users.get_key_value(user) {
            Some((key, _)) => Arc::clone(key),
            None => Arc::from(user),
        };
        let here = counts.users.entry(Arc::clone(&user));
        let here = here.or_insert_with_key(|user| Granted {
            user: Arc::clone(user),
            sockets: 0,
            by: None,
            revoked: CancellationToken::new(),
        });
        here.sockets += 1;
        let several = here.sockets > 1;
        // A token belongs to one user: it ends when the user's access ends.
        let of_user = here.revoked.child_token();
        *counts.addresses.entry(address).or_default() += 1;
        counts.all += 1;
        if self.shared && several {
            counts.changed.insert(Arc::clone(&user));
        }
        let granted = counts.tokens.entry(token).or_insert_with(|| Granted {
            user: Arc::clone(&user),
            sockets: 0,
            by: None,
            revoked: of_user,
        });
        granted.sockets += 1;
        let revoked = granted.revoked.clone();
        drop(counts);
        Ok(Registration {
            registry: Arc::clone(self),
            user,
            address,
            token,
            revoked,
        })
    }

    /// Tells the sockets of this token to end.
    pub fn revoke(&self, token: SecretHash) {
        if let Some(granted) = self.lock().tokens.get(&token) {
            granted.revoked.cancel();
        }
    }

    /// The access tokens of these users that have sockets here.
    pub fn tokens_of(&self, users: &HashSet<String>) -> Vec<SecretHash> {
        let counts = self.lock();
        // Mostly they are somewhere else, and then nothing is searched.
        if !users
            .iter()
            .any(|user| counts.users.contains_key(user.as_str()))
        {
            return Vec::new();
        }
        let theirs = counts.tokens.iter();
        let theirs = theirs.filter(|(_, granted)| users.contains(&*granted.user));
        theirs.map(|(token, _)| *token).collect()
    }

    /// Tells the user's sockets to end.
    pub fn revoke_user(&self, user: &str) {
        if let Some(here) = self.lock().users.get_mut(user) {
            // Sockets that open from now on are not affected.
            std::mem::take(&mut here.revoked).cancel();
        }
    }

    /// Ends the sockets for whose app and key `ends` is true. Gives the number of their tokens.
    pub fn revoke_where(&self, ends: impl Fn(&str, &str) -> bool) -> usize {
        let counts = self.lock();
        let ended = counts.tokens.values().filter(|granted| {
            granted.by.as_ref().is_some_and(|(app, key)| ends(app, key))
                && !granted.revoked.is_cancelled()
        });
        ended.inspect(|granted| granted.revoked.cancel()).count()
    }

    /// The number of sockets of this user.
    pub fn sockets_of(&self, user: &str) -> u32 {
        let counts = self.lock();
        counts.users.get(user).map_or(0, |here| here.sockets)
    }

    /// The users of whom other nodes have not learned yet, with the number of their sockets.
    pub fn take_changed(&self) -> Vec<(String, u32)> {
        let mut counts = self.lock();
        let changed = std::mem::take(&mut counts.changed);
        let with_sockets = |user: Arc<str>| {
            let sockets = counts.users.get(&user).map_or(0, |here| here.sockets);
            (user.to_string(), sockets)
        };
        changed.into_iter().map(with_sockets).collect()
    }

    /// Other nodes could not be told of these.
    pub fn note_again(&self, users: Vec<(String, u32)>) {
        let users = users.into_iter().map(|(user, _)| Arc::from(user));
        self.lock().changed.extend(users);
    }

    /// Other nodes may have forgotten everybody.
    pub fn note_all(&self) {
        if !self.shared {
            return;
        }
        let mut counts = self.lock();
        let several = counts.users.values().filter(|here| here.sockets > 1);
        let several: Vec<_> = several.map(|here| Arc::clone(&here.user)).collect();
        counts.changed.extend(several);
    }

    /// The number of open sockets.
    pub fn len(&self) -> usize {
        self.lock().all
    }

    /// Whether no socket is open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        // Nothing in the critical sections can panic.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registration {
    /// Whose socket it is.
    pub fn user(&self) -> &Arc<str> {
        &self.user
    }

    /// The access token that the socket was opened with.
    pub fn token(&self) -> SecretHash {
        self.token
    }

    /// Notes the app and the key that vouched for the token, so that its sockets end with them.
    pub fn vouched_by(&self, app: &str, key: &str) {
        if let Some(granted) = self.registry.lock().tokens.get_mut(&self.token) {
            granted.by = Some((app.into(), key.into()));
        }
    }

    /// The address that the socket comes from.
    pub fn address(&self) -> AddressKey {
        self.address
    }

    /// Cancelled when the access token of the socket is revoked.
    pub fn revoked(&self) -> &CancellationToken {
        &self.revoked
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut counts = self.registry.lock();
        let here = counts.users.get(&self.user);
        if self.registry.shared && here.is_some_and(|here| here.sockets > 1) {
            counts.changed.insert(Arc::clone(&self.user));
        }
        leave_grant(&mut counts.users, Arc::clone(&self.user));
        leave(&mut counts.addresses, self.address);
        leave_grant(&mut counts.tokens, self.token);
        counts.all -= 1;
    }
}

fn leave_grant<K: std::hash::Hash + Eq>(grants: &mut HashMap<K, Granted>, key: K) {
    if let Entry::Occupied(mut granted) = grants.entry(key) {
        granted.get_mut().sockets -= 1;
        if granted.get().sockets == 0 {
            granted.remove();
        }
    }
}

fn leave<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, u32>, key: K) {
    if let Entry::Occupied(mut entry) = counts.entry(key) {
        *entry.get_mut() -= 1;
        if *entry.get() == 0 {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(registry: &Arc<Registry>, user: &str, address: &str) -> Result<Registration, Full> {
        registry.enter(user, address.parse().unwrap(), SecretHash::of(user))
    }

    #[test]
    fn a_revoked_token_ends_its_own_sockets_and_is_forgotten_with_the_last() {
        let registry = Arc::new(Registry::new(0, false));
        let registrations =
            ["u-1", "u-1", "u-2"].map(|user| enter(&registry, user, "192.0.2.1").unwrap());
        registry.revoke(SecretHash::of("u-1"));
        registry.revoke(SecretHash::of("u-3"));
        let cancelled = registrations
            .each_ref()
            .map(|registration| registration.revoked().is_cancelled());
        assert_eq!(cancelled, [true, true, false]);
        drop(registrations);
        assert!(registry.lock().tokens.is_empty());
    }

    #[test]
    fn a_forgotten_users_sockets_end_and_those_that_come_later_do_not() {
        let registry = Arc::new(Registry::new(0, false));
        let registrations = ["u-1", "u-2"].map(|user| enter(&registry, user, "192.0.2.1").unwrap());
        let second = registry
            .enter("u-1", "192.0.2.1".parse().unwrap(), SecretHash::of("other"))
            .unwrap();
        registry.revoke_user("u-1");
        registry.revoke_user("u-3");
        let cancelled = registrations
            .each_ref()
            .map(|registration| registration.revoked().is_cancelled());
        assert_eq!(
            (cancelled, second.revoked().is_cancelled()),
            ([true, false], true)
        );
        let later = registry
            .enter("u-1", "192.0.2.1".parse().unwrap(), SecretHash::of("later"))
            .unwrap();
        assert!(!later.revoked().is_cancelled());
    }

    #[test]
    fn the_sockets_of_a_user_end_and_those_of_a_removed_key() {
        let registry = Arc::new(Registry::new(0, false));
        let enter = |user: &str, token: &str| {
            let address = "192.0.2.1".parse().unwrap();
            registry
                .enter(user, address, SecretHash::of(token))
                .unwrap()
        };
        let registrations = [("u-1", "a"), ("u-1", "b"), ("u-2", "c"), ("u-3", "d")];
        let registrations = registrations.map(|(user, token)| enter(user, token));
        registrations[2].vouched_by("cs-a", "k1");
        registrations[3].vouched_by("cs-a", "k2");
        let cancelled = || {
            registrations
                .each_ref()
                .map(|registration| registration.revoked().is_cancelled())
        };
        registry.revoke_user("u-1");
        assert_eq!(cancelled(), [true, true, false, false]);
        assert_eq!(
            registry.revoke_where(|app, key| (app, key) == ("cs-a", "k2")),
            1
        );
        assert_eq!(cancelled(), [true, true, false, true]);
        assert_eq!(registry.revoke_where(|_, _| true), 1);
    }

    #[test]
    fn the_tokens_of_users_are_found() {
        let registry = Arc::new(Registry::new(0, false));
        let enter = |user: &str, token: &str| {
            let address = "192.0.2.1".parse().unwrap();
            registry.enter(user, address, SecretHash::of(token))
        };
        let held = [("u-1", "a"), ("u-1", "b"), ("u-2", "c")];
        let _held = held.map(|(user, token)| enter(user, token).unwrap());
        let of = |users: &[&str]| {
            let users = users.iter().map(|&user| user.to_owned()).collect();
            let found = registry.tokens_of(&users);
            found.into_iter().collect::<HashSet<_>>()
        };
        let hashes = |tokens: &[&str]| tokens.iter().map(SecretHash::of).collect::<HashSet<_>>();
        assert_eq!(of(&["u-1", "u-3"]), hashes(&["a", "b"]));
        assert_eq!(of(&["u-3"]), hashes(&[]));
    }

    #[test]
    fn a_user_has_a_limit_of_sockets_and_one_that_ends_makes_room() {
        let registry = Arc::new(Registry::new(0, false));
        let mut registrations: Vec<_> = (0..SOCKETS_PER_USER)
            .map(|_| enter(&registry, "u-1", "192.0.2.1").unwrap())
            .collect();
        assert_eq!(
            enter(&registry, "u-1", "192.0.2.2").unwrap_err(),
            Full::User
        );
        assert!(enter(&registry, "u-2", "192.0.2.1").is_ok());
        registrations.pop();
        assert!(enter(&registry, "u-1", "192.0.2.1").is_ok());
        drop(registrations);
        assert!(registry.is_empty());
        assert!(registry.lock().users.is_empty() && registry.lock().addresses.is_empty());
    }

    #[test]
    fn other_nodes_learn_who_has_several_sockets_and_who_no_longer_has() {
        let registry = Arc::new(Registry::new(0, true));
        let first = enter(&registry, "u-1", "192.0.2.1").unwrap();
        assert!(registry.take_changed().is_empty(), "one is not told of");
        let second = enter(&registry, "u-1", "192.0.2.1").unwrap();
        let told = |sockets| vec![("u-1".to_owned(), sockets)];
        assert_eq!(registry.take_changed(), told(2));
        assert!(registry.take_changed().is_empty());
        registry.note_again(told(2));
        drop(second);
        assert_eq!(registry.take_changed(), told(1));
        registry.note_all();
        drop(first);
        assert!(registry.take_changed().is_empty());
        let alone = Arc::new(Registry::new(0, false));
        let _both = ["192.0.2.1"; 2].map(|address| enter(&alone, "u-1", address).unwrap());
        assert!(alone.take_changed().is_empty());
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let registry = Arc::new(Registry::new(2, false));
        let first = enter(&registry, "u-1", "2001:db8::1").unwrap();
        let second = enter(&registry, "u-2", "2001:db8::2").unwrap();
        assert_eq!(
            enter(&registry, "u-3", "2001:db8::3").unwrap_err(),
            Full::Address
        );
        assert!(enter(&registry, "u-3", "2001:db8:0:1::1").is_ok());
        assert!(enter(&registry, "u-3", "::ffff:192.0.2.1").is_ok());
        assert_eq!((&**first.user(), &**second.user()), ("u-1", "u-2"));
    }
}
