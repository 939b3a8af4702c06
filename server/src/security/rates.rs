//! The rate limits of everything but the signing service.
//!
//! In the path: grant, start, history, theme, sockets and pages ask by address. Requests with a token also ask by
//! token, and the grant asks by identity. Whoever stores a message asks what a day allows. Bots that speak outside a
//! turn are counted by bot and by conversation.
//!
//! Invariant: a request is counted before anything is done for it, and only in this process.

use std::sync::Arc;

use super::client_ip::AddressKey;
use super::rate::{Limiter, RetryAfter, keep_swept};
use crate::config::Rate;
use crate::shutdown::Shutdown;

/// The bytes that a row and its index entries take besides the message.
const ROW_BYTES: usize = 512;
/// The bytes of a day are counted in this unit, so that a limit of terabytes fits into the limiter's numbers.
const UNIT: usize = 1024;

/// The limits as configured.
pub struct Rates {
    platform_by_address: Arc<Limiter<AddressKey>>,
    platform_by_token: Arc<Limiter<[u8; 32]>>,
    grant_by_identity: Arc<Limiter<String>>,
    pages_by_address: Arc<Limiter<AddressKey>>,
    messages_by_user: Arc<Limiter<Arc<str>>>,
    messages_by_address: Arc<Limiter<AddressKey>>,
    bytes_by_user: Arc<Limiter<Arc<str>>>,
    bytes_by_address: Arc<Limiter<AddressKey>>,
    outside_by_bot: Arc<Limiter<String>>,
    outside_by_conversation: Arc<Limiter<String>>,
}

impl Rates {
    /// Makes the limiters, and sweeps them until the server shuts down.
    pub fn new(rate: &Rate, shutdown: &Shutdown) -> Self {
        Self {
            platform_by_address: kept(
                shutdown,
                Limiter::new(
                    rate.platform_address_burst,
                    rate.platform_address_per_minute,
                ),
            ),
            platform_by_token: kept(
                shutdown,
                Limiter::new(rate.platform_token_burst, rate.platform_token_per_minute),
            ),
            grant_by_identity: kept(
                shutdown,
                Limiter::new(rate.grant_identity_burst, rate.grant_identity_per_minute),
            ),
            pages_by_address: kept(
                shutdown,
                Limiter::new(rate.page_address_burst, rate.page_address_per_minute),
            ),
            messages_by_user: kept(shutdown, Limiter::a_day(rate.user_messages_per_day)),
            messages_by_address: kept(shutdown, Limiter::a_day(rate.address_messages_per_day)),
            bytes_by_user: kept(
                shutdown,
                Limiter::a_day(units(rate.user_bytes_per_day.bytes())),
            ),
            bytes_by_address: kept(
                shutdown,
                Limiter::a_day(units(rate.address_bytes_per_day.bytes())),
            ),
            outside_by_bot: kept(
                shutdown,
                Limiter::new(rate.outside_bot_burst, rate.outside_bot_per_minute),
            ),
            outside_by_conversation: kept(
                shutdown,
                Limiter::new(
                    rate.outside_conversation_burst,
                    rate.outside_conversation_per_minute,
                ),
            ),
        }
    }

    /// Counts a request to the platform's routes, or a socket.
    ///
    /// # Errors
    /// If the address has asked too often.
    pub fn platform(&self, address: AddressKey) -> Result<(), RetryAfter> {
        self.platform_by_address.check(&address)
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
        self.grant_by_identity.check(&format!("{app}\0{identity}"))
    }

    /// Counts a page.
    ///
    /// # Errors
    /// If the address has asked too often.
    pub fn page(&self, address: AddressKey) -> Result<(), RetryAfter> {
        self.pages_by_address.check(&address)
    }

    /// Counts something that this bot says outside a turn.
    ///
    /// # Errors
    /// If the bot said too much, in all of its conversations together.
    pub fn bot(&self, bot: &str) -> Result<(), RetryAfter> {
        self.outside_by_bot.check(&bot.to_owned())
    }

    /// Counts something that is said outside a turn in the conversation of this name.
    ///
    /// # Errors
    /// If too much was said there.
    pub fn bot_conversation(&self, name: &str) -> Result<(), RetryAfter> {
        self.outside_by_conversation.check(&name.to_owned())
    }

    /// Counts a message of this many bytes that is about to be stored.
    ///
    /// # Errors
    /// If the day's limit of the user or of the address is reached.
    pub fn message(
        &self,
        user: &Arc<str>,
        address: AddressKey,
        bytes: usize,
    ) -> Result<(), RetryAfter> {
        let bytes = u64::try_from(bytes.saturating_add(ROW_BYTES)).unwrap_or(u64::MAX);
        let units = units(bytes);
        self.messages_by_user.check(user)?;
        self.bytes_by_user.check_many(user, units)?;
        self.messages_by_address.check(&address)?;
        self.bytes_by_address.check_many(&address, units)
    }
}

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT as u64)).unwrap_or(u32::MAX)
}

fn kept<K>(shutdown: &Shutdown, limiter: Limiter<K>) -> Arc<Limiter<K>>
where
    K: std::hash::Hash + Eq + Clone + Send + Sync + 'static,
{
    let limiter = Arc::new(limiter);
    keep_swept(shutdown, Arc::clone(&limiter));
    limiter
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::config::test_config;

    fn address(last: u8) -> AddressKey {
        AddressKey::from(IpAddr::from([192, 0, 2, last]))
    }

    #[tokio::test]
    async fn a_day_has_so_many_messages_and_bytes_for_a_user_and_for_an_address() {
        let config = test_config(
            "[rate]\nuser_messages_per_day = 3\nuser_bytes_per_day = \"8KiB\"
             address_messages_per_day = 5\naddress_bytes_per_day = \"0\"",
        );
        let shutdown = Shutdown::new();
        let rates = Rates::new(&config.rate, &shutdown);
        let say = |user: &str, last, bytes| rates.message(&Arc::from(user), address(last), bytes);
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
        let rates = Rates::new(&test_config("").rate, &shutdown);
        let (office, mut refused) = (address(1), 0);
        for person in 0..1_000_u32 {
            let user: Arc<str> = format!("u-{person}").into();
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
