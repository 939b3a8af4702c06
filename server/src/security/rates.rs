//! The limits of requests, messages and wrong secrets.
//!
//! In the path: signing asks by address, app and identity. Grant, start, history, theme, sockets and pages ask by address.
//! Requests with a token also ask by token, and the grant asks by identity. Whoever stores a message asks what a day
//! allows. Bots that speak outside a turn are counted by bot and by conversation. The bus asks what to tell other nodes,
//! and hands on what they told.
//!
//! Invariants: a request is counted before anything is done for it. With a bus the nodes share each limit but for what
//! they have not told each other yet (`docs/adr/0029-limits-of-a-cluster.md`); without one each node counts for itself.

use std::sync::Arc;

use super::client_ip::AddressKey;
use super::rate::{Limiter, Quota, RetryAfter};
use crate::config::Rate;
use crate::limits::{RATE_SWEEP, WRONG_SECRETS};
use crate::records::{Usage, Uses};
use crate::shutdown::Shutdown;
use crate::signing::Visitors;

/// The bytes that a row and its index entries take besides the message.
const ROW_BYTES: usize = 512;
/// The bytes of a day are counted in this unit, so that a limit of terabytes fits into the limiter's numbers.
const UNIT: usize = 1024;

/// The limits as configured.
pub struct Rates {
    sign_by_address: Limiter,
    sign_by_app: Limiter,
    sign_by_identity: Limiter,
    wrong_secrets: Limiter,
    platform_by_address: Limiter,
    platform_by_token: Limiter,
    grant_by_identity: Limiter,
    pages_by_address: Limiter,
    messages_by_user: Limiter,
    messages_by_address: Limiter,
    bytes_by_user: Limiter,
    bytes_by_address: Limiter,
    outside_by_bot: Limiter,
    outside_by_conversation: Limiter,
}

impl Rates {
    /// Makes the limiters, and sweeps them until the server shuts down. `shared`: there is a bus, and so other nodes.
    pub fn new(rate: &Rate, visitors: &Visitors, shared: bool, shutdown: &Shutdown) -> Arc<Self> {
        let limiter = |name, quota| Limiter::new(name, quota, &visitors.limit_key(name), shared);
        let a_minute = |name, burst, many| limiter(name, Quota::a_minute(burst, many));
        let a_day = |name, many| limiter(name, Quota::a_day(many));
        let rates = Arc::new(Self {
            sign_by_address: a_minute(
                "sign_address",
                rate.sign_address_burst,
                rate.sign_address_per_minute,
            ),
            sign_by_app: a_minute("sign_app", rate.sign_app_burst, rate.sign_app_per_minute),
            sign_by_identity: a_minute(
                "sign_identity",
                rate.sign_identity_burst,
                rate.sign_identity_per_minute,
            ),
            wrong_secrets: a_minute("wrong_secrets", WRONG_SECRETS, 1),
            platform_by_address: a_minute(
                "platform_address",
                rate.platform_address_burst,
                rate.platform_address_per_minute,
            ),
            platform_by_token: a_minute(
                "platform_token",
                rate.platform_token_burst,
                rate.platform_token_per_minute,
            ),
            grant_by_identity: a_minute(
                "grant_identity",
                rate.grant_identity_burst,
                rate.grant_identity_per_minute,
            ),
            pages_by_address: a_minute(
                "page_address",
                rate.page_address_burst,
                rate.page_address_per_minute,
            ),
            messages_by_user: a_day("user_messages", rate.user_messages_per_day),
            messages_by_address: a_day("address_messages", rate.address_messages_per_day),
            bytes_by_user: a_day("user_bytes", units(rate.user_bytes_per_day.bytes())),
            bytes_by_address: a_day("address_bytes", units(rate.address_bytes_per_day.bytes())),
            outside_by_bot: a_minute(
                "outside_bot",
                rate.outside_bot_burst,
                rate.outside_bot_per_minute,
            ),
            outside_by_conversation: a_minute(
                "outside_conversation",
                rate.outside_conversation_burst,
                rate.outside_conversation_per_minute,
            ),
        });
        let swept = keep_swept(Arc::clone(&rates), shutdown.clone());
        shutdown.spawn("rate limiter sweep", swept);
        rates
    }

    fn all(&self) -> [&Limiter; 14] {
        [
            &self.sign_by_address,
            &self.sign_by_app,
            &self.sign_by_identity,
            &self.wrong_secrets,
            &self.platform_by_address,
            &self.platform_by_token,
            &self.grant_by_identity,
            &self.pages_by_address,
            &self.messages_by_user,
            &self.messages_by_address,
            &self.bytes_by_user,
            &self.bytes_by_address,
            &self.outside_by_bot,
            &self.outside_by_conversation,
        ]
    }

    /// Counts a request to the signing service, or a new visitor without JavaScript, by somebody who has proven nothing.
    ///
    /// # Errors
    /// If the address has asked too often.
    pub fn sign_address(&self, address: AddressKey) -> Result<(), RetryAfter> {
        self.sign_by_address.check(&address.bytes())
    }

    /// Counts a request to the signing service by somebody who has proven the app's secret.
    ///
    /// # Errors
    /// If the app has asked too often.
    pub fn sign_app(&self, app: &str) -> Result<(), RetryAfter> {
        self.sign_by_app.check(app.as_bytes())
    }

    /// Counts an assertion, or a message without JavaScript, of this identity of an app.
    ///
    /// # Errors
    /// If it was too often.
    pub fn sign_identity(&self, identity: &str) -> Result<(), RetryAfter> {
        self.sign_by_identity.check(identity.as_bytes())
    }

    /// Whether this address may try a secret of this app or bot.
    ///
    /// # Errors
    /// After too many wrong ones.
    pub fn may_try_secret(&self, of: &str, address: AddressKey) -> Result<(), RetryAfter> {
        self.wrong_secrets.allows(&tried(of, address))
    }

    /// Counts a wrong secret of this app or bot.
    pub fn wrong_secret(&self, of: &str, address: AddressKey) {
        self.wrong_secrets.add(&tried(of, address));
    }

    /// Counts a request to the platform's routes, or a socket.
    ///
    /// # Errors
    /// If the address has asked too often.
    pub fn platform(&self, address: AddressKey) -> Result<(), RetryAfter> {
        self.platform_by_address.check(&address.bytes())
    }

    /// Counts a request with the access token of this hash.
    ///
    /// # Errors
    /// If the token was used too often.
    pub fn token(&self, token: [u8; 32]) -> Result<(), RetryAfter> {
        self.platform_by_token.check(&token)
    }

    /// Counts a grant for this identity of this app.
    ///
    /// # Errors
    /// If it was granted too often.
    pub fn grant(&self, app: &str, identity: &str) -> Result<(), RetryAfter> {
        self.grant_by_identity
            .check(format!("{app}\0{identity}").as_bytes())
    }

    /// Counts a page.
    ///
    /// # Errors
    /// If the address has asked too often.
    pub fn page(&self, address: AddressKey) -> Result<(), RetryAfter> {
        self.pages_by_address.check(&address.bytes())
    }

    /// Counts something that this bot says outside a turn.
    ///
    /// # Errors
    /// If the bot said too much, in all of its conversations together.
    pub fn bot(&self, bot: &str) -> Result<(), RetryAfter> {
        self.outside_by_bot.check(bot.as_bytes())
    }

    /// Counts something that is said outside a turn in the conversation of this name.
    ///
    /// # Errors
    /// If too much was said there.
    pub fn bot_conversation(&self, name: &str) -> Result<(), RetryAfter> {
        self.outside_by_conversation.check(name.as_bytes())
    }

    /// Counts a message of this many bytes that is about to be stored.
    ///
    /// # Errors
    /// If the day's limit of the user or of the address is reached.
    pub fn message(&self, user: &str, address: AddressKey, bytes: usize) -> Result<(), RetryAfter> {
        let bytes = u64::try_from(bytes.saturating_add(ROW_BYTES)).unwrap_or(u64::MAX);
        let units = units(bytes);
        let (user, address) = (user.as_bytes(), &address.bytes());
        self.messages_by_user.check(user)?;
        self.bytes_by_user.check_many(user, units)?;
        self.messages_by_address.check(address)?;
        self.bytes_by_address.check_many(address, units)
    }
}

/// What nodes tell each other.
impl Rates {
    /// What was let through here since the last call, as much as fits into one message.
    pub fn take_used(&self) -> Usage {
        self.collect(Limiter::take_used)
    }

    /// Nobody could be told of what was let through here until now.
    pub fn forget_used(&self) {
        self.all().into_iter().for_each(Limiter::forget_used);
    }

    /// How much is used up now, here and elsewhere.
    pub fn standing(&self) -> Usage {
        self.collect(Limiter::standing)
    }

    /// Another node let this through.
    pub fn charge(&self, used: &Usage) {
        self.each(used, Limiter::charge);
    }

    /// Another node knows that this much is used up.
    pub fn raise(&self, standing: &Usage) {
        self.each(standing, Limiter::raise);
    }

    fn collect(&self, of: impl Fn(&Limiter) -> Uses) -> Usage {
        let all = self.all().into_iter();
        let all = all.map(|limiter| (limiter.name.into(), of(limiter)));
        all.filter(|(_, uses)| !uses.is_empty()).collect()
    }

    /// A limit that only the other node knows is ignored.
    fn each(&self, usage: &Usage, then: impl Fn(&Limiter, &[(u64, u32)])) {
        for limiter in self.all() {
            if let Some(uses) = usage.get(limiter.name) {
                then(limiter, uses);
            }
        }
    }
}

/// Without this, a limiter keeps every visitor for ever.
async fn keep_swept(rates: Arc<Rates>, ending: Shutdown) {
    let mut minute = tokio::time::interval(RATE_SWEEP);
    loop {
        tokio::select! {
            _ = minute.tick() => rates.all().into_iter().for_each(Limiter::sweep),
            () = ending.cancelled() => return,
        }
    }
}

/// The key of a wrong secret: addresses have one length, so no two are the same.
fn tried(of: &str, address: AddressKey) -> Vec<u8> {
    [of.as_bytes(), &address.bytes()].concat()
}

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT as u64)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::config::test_config;

    fn address(last: u8) -> AddressKey {
        AddressKey::from(IpAddr::from([192, 0, 2, last]))
    }

    fn visitors() -> Visitors {
        crate::signing::install_crypto();
        let secret = secrecy::SecretString::from("tK4t2vQmS0cW8yXrE6uJ1zPaB5dHnLfG");
        Visitors::new(&secret, test_config("").base_path())
    }

    #[tokio::test]
    async fn nodes_tell_each_other_by_the_name_of_each_limit_and_without_the_names_of_visitors() {
        let shutdown = Shutdown::new();
        let config = test_config(
            "[rate]\ngrant_identity_burst = 4\ngrant_identity_per_minute = 1\nuser_messages_per_day = 8",
        );
        let node = || Rates::new(&config.rate, &visitors(), true, &shutdown);
        let (one, two, later) = (node(), node(), node());
        for _ in 0..4 {
            one.grant("cs-1", "ann@example.com").unwrap();
        }
        for _ in 0..8 {
            one.message("u-ann", address(7), 10).unwrap();
        }
        for _ in 0..WRONG_SECRETS {
            one.wrong_secret("cs-1", address(7));
        }
        let mut used = one.take_used();
        let names: Vec<_> = used.keys().map(|name| &**name).collect();
        assert_eq!(names, ["grant_identity", "user_messages", "wrong_secrets"]);
        assert!(one.take_used().is_empty());
        used.insert("a limit of a newer node".into(), vec![(1, 1)]);
        two.charge(&used);
        later.raise(&two.standing());
        for node in [&two, &later] {
            assert!(node.grant("cs-1", "ann@example.com").is_err());
            assert!(node.message("u-ann", address(7), 10).is_err());
            assert!(node.may_try_secret("cs-1", address(7)).is_err());
            assert!(node.grant("cs-1", "bob@example.com").is_ok());
            assert!(node.may_try_secret("cs-1", address(8)).is_ok());
        }
        // Each limit has its own tags: they do not tell what two limits know of one address.
        let tags: std::collections::HashSet<_> = used.values().flatten().map(|it| it.0).collect();
        assert_eq!(tags.len(), 4);
        shutdown.cancel();
    }

    #[tokio::test]
    async fn a_day_has_so_many_messages_and_bytes_for_a_user_and_for_an_address() {
        let config = test_config(
            "[rate]\nuser_messages_per_day = 3\nuser_bytes_per_day = \"8KiB\"
             address_messages_per_day = 5\naddress_bytes_per_day = \"0\"",
        );
        let shutdown = Shutdown::new();
        let rates = Rates::new(&config.rate, &visitors(), false, &shutdown);
        let say = |user: &str, last, bytes| rates.message(user, address(last), bytes);
        assert!((0..3).all(|_| say("ann", 1, 10).is_ok()));
        let until = say("ann", 2, 10).unwrap_err();
        assert!(until.seconds() > 60 * 60, "{until:?}");
        // Everybody at an address counts towards its limit.
        assert!((0..2).all(|_| say("bob", 1, 10).is_ok()));
        assert!(say("eve", 1, 10).is_err());
        assert!(say("dan", 3, 7 * 1024).is_ok());
        assert!(say("dan", 3, 1024).is_err(), "eight in all, with the rows");
        assert!(say("ida", 4, 9 * 1024).is_err(), "more than a day has");
        shutdown.cancel();
    }

    #[tokio::test]
    async fn the_defaults_let_an_office_of_a_thousand_come_at_once() {
        let shutdown = Shutdown::new();
        let rates = Rates::new(&test_config("").rate, &visitors(), false, &shutdown);
        let (office, mut refused) = (address(1), 0);
        for person in 0..1_000_u32 {
            let user = format!("u-{person}");
            let mut token = [0; 32];
            token[..4].copy_from_slice(&person.to_be_bytes());
            // A page, a grant, a start, a socket and the history; then a day's work.
            refused += usize::from(rates.page(office).is_err());
            refused += usize::from(rates.grant("cs-1", &user).is_err());
            refused += (0..4).filter(|_| rates.platform(office).is_err()).count();
            refused += (0..2).filter(|_| rates.token(token).is_err()).count();
            let said = (0..100).filter(|_| rates.message(&user, office, 300).is_err());
            refused += said.count();
        }
        assert_eq!(refused, 0);
        shutdown.cancel();
    }
}
