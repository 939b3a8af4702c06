//! Bounds the memory of answers that wait for their readers, for the process and for each address.
//!
//! In the path: it is around every route whose answer is large, or whose request has a body. A reservation is taken
//! before the body is read and the answer is made. It shrinks to the size of the answer, and is given back when the
//! last byte was written or dropped.
//!
//! Invariants: answers that wait for slow readers never take more than [`ANSWERS_BYTES`], and those of one address
//! never more than [`ANSWERS_BYTES_PER_ADDRESS`]. Behind trusted proxies the visitor's address counts. A request
//! without a reservation gets 503.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{Method, header};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;
use crate::limits::{
    ANSWER_WAIT, ANSWERS_BYTES, ANSWERS_BYTES_PER_ADDRESS, BODY_BYTES, STREAMED_ANSWER,
};
use crate::security::client_ip::{AddressKey, Client};

/// The bytes of one permit.
const UNIT: usize = 1024;

/// The reservations of the process.
#[derive(Debug)]
pub struct InFlight {
    all: Arc<Semaphore>,
    by_address: Mutex<HashMap<AddressKey, Arc<Semaphore>>>,
}

/// The reservations, and the most memory that the answers of a route take while they are made.
#[derive(Clone, Debug)]
pub struct Making {
    in_flight: Arc<InFlight>,
    bytes: usize,
}

impl Default for InFlight {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(ANSWERS_BYTES / UNIT)),
            by_address: Mutex::default(),
        }
    }
}

impl InFlight {
    /// For routes whose answers take this many bytes while they are made.
    pub fn making(self: &Arc<Self>, bytes: usize) -> Making {
        Making {
            in_flight: Arc::clone(self),
            bytes,
        }
    }

    /// The bytes that are reserved now.
    pub fn held(&self) -> usize {
        ANSWERS_BYTES.saturating_sub(self.all.available_permits() * UNIT)
    }

    async fn reserve(
        self: &Arc<Self>,
        address: AddressKey,
        bytes: usize,
    ) -> Result<Reservation, ApiError> {
        let share = Share::of(self, address);
        let units = units(bytes);
        // The address' permits come first, so that a request that waits for them takes nothing from others.
        let both = async {
            let here = Arc::clone(&share.semaphore).acquire_many_owned(units).await;
            let all = Arc::clone(&self.all).acquire_many_owned(units).await;
            here.ok().zip(all.ok())
        };
        match tokio::time::timeout(ANSWER_WAIT, both).await {
            Ok(Some((here, all))) => Ok(Reservation {
                here,
                all,
                _share: share,
            }),
            // The semaphores are never closed, so this is the time-out.
            _ => Err(ApiError::Busy(ANSWER_WAIT)),
        }
    }

    fn by_address(&self) -> std::sync::MutexGuard<'_, HashMap<AddressKey, Arc<Semaphore>>> {
        // Nothing in the critical sections can panic.
        self.by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

/// The share of one address. It is dropped with its last user.
#[derive(Debug)]
struct Share {
    in_flight: Arc<InFlight>,
    address: AddressKey,
    semaphore: Arc<Semaphore>,
}

impl Share {
    fn of(in_flight: &Arc<InFlight>, address: AddressKey) -> Self {
        let whole = || Arc::new(Semaphore::new(ANSWERS_BYTES_PER_ADDRESS / UNIT));
        let mut shares = in_flight.by_address();
        let semaphore = Arc::clone(shares.entry(address).or_insert_with(whole));
        drop(shares);
        Self {
            in_flight: Arc::clone(in_flight),
            address,
            semaphore,
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut shares = self.in_flight.by_address();
        // Two owners are left: the list and this one. Nobody else can get it under the lock.
        if Arc::strong_count(&self.semaphore) <= 2 {
            shares.remove(&self.address);
        }
    }
}

/// What one answer holds. The permits are dropped before the share.
#[derive(Debug)]
struct Reservation {
    here: OwnedSemaphorePermit,
    all: OwnedSemaphorePermit,
    _share: Share,
}

impl Reservation {
    /// Gives back everything beyond this size.
    fn shrink(&mut self, bytes: usize) {
        let keep = usize::try_from(units(bytes)).unwrap_or(usize::MAX);
        for permit in [&mut self.here, &mut self.all] {
            let too_many = permit.num_permits().saturating_sub(keep);
            drop(permit.split(too_many));
        }
    }
}

/// Takes a reservation, and makes the answer in it.
pub async fn hold(State(making): State<Making>, request: Request, next: Next) -> Response {
    let bytes = match *request.method() {
        Method::GET => making.bytes,
        Method::HEAD | Method::OPTIONS => return next.run(request).await,
        _ => body_bytes(&request),
    };
    let Some(client) = request.extensions().get::<Client>() else {
        return next.run(request).await;
    };
    let reservation = making.in_flight.reserve(AddressKey::from(client.ip), bytes);
    let mut reservation = match reservation.await {
        Ok(reservation) => reservation,
        Err(busy) => return busy.into_response(),
    };
    let response = next.run(request).await;
    let made = response.size_hint().exact();
    reservation.shrink(made.map_or(STREAMED_ANSWER, |made| {
        usize::try_from(made).unwrap_or(usize::MAX)
    }));
    let reservation = Arc::new(reservation);
    response.map(|body| Body::new(Held { body, reservation }))
}

/// How large the request's body may be: its `Content-Length`, within the limit.
fn body_bytes(request: &Request) -> usize {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    length.unwrap_or(BODY_BYTES).min(BODY_BYTES)
}

/// An answer's body with its reservation. The bytes also keep the reservation, because a connection may hold them
/// longer than the body.
struct Held {
    body: Body,
    reservation: Arc<Reservation>,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let reservation = &self.reservation;
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| {
                frame.map_data(|bytes| {
                    Bytes::from_owner(Part {
                        bytes,
                        _reservation: Arc::clone(reservation),
                    })
                })
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

struct Part {
    bytes: Bytes,
    _reservation: Arc<Reservation>,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use http_body_util::BodyExt as _;

    use super::*;

    fn address(last: u8) -> AddressKey {
        AddressKey::from(IpAddr::from([192, 0, 2, last]))
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_has_its_share_and_all_together_have_theirs() {
        let in_flight = Arc::new(InFlight::default());
        let share = ANSWERS_BYTES_PER_ADDRESS;
        let first = in_flight.reserve(address(1), share).await.unwrap();
        assert!(matches!(
            in_flight.reserve(address(1), UNIT).await,
            Err(ApiError::Busy(_))
        ));
        let mut others = Vec::new();
        for last in (2..).take(ANSWERS_BYTES / share - 1) {
            others.push(in_flight.reserve(address(last), share).await.unwrap());
        }
        assert_eq!(in_flight.held(), ANSWERS_BYTES);
        assert!(in_flight.reserve(address(99), UNIT).await.is_err());
        drop(first);
        assert!(in_flight.reserve(address(99), UNIT).await.is_ok());
        drop(others);
        assert_eq!(in_flight.held(), 0);
        assert!(in_flight.by_address().is_empty(), "addresses are forgotten");
    }

    #[tokio::test]
    async fn what_a_connection_still_holds_keeps_its_place() {
        let in_flight = Arc::new(InFlight::default());
        let mut reservation = in_flight.reserve(address(1), 10 * UNIT).await.unwrap();
        reservation.shrink(3 * UNIT - 1);
        assert_eq!(in_flight.held(), 3 * UNIT);
        let body = Body::from(vec![0; 3 * UNIT - 1]);
        let reservation = Arc::new(reservation);
        let mut held = Held { body, reservation };
        let bytes = held.frame().await.unwrap().unwrap().into_data().unwrap();
        drop(held);
        let last = bytes.slice(5..6);
        drop(bytes);
        assert_eq!(in_flight.held(), 3 * UNIT);
        drop(last);
        assert_eq!(in_flight.held(), 0);
    }
}
