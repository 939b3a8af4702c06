//! Why a call brought no (whole) answer, for the operator's log and for who decides whether to ask again.
//!
//! Invariant: host and port are all that an error says of a call, and a status all that it says of an answer.

use std::error::Error;
use std::io;
use std::time::Duration;

use http::StatusCode;

use super::address::AddressError;
use super::ranges::Range;

/// A call that failed: where it went, and what happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{authority}: {fault}")]
pub struct OutboundError {
    /// Host and port.
    pub authority: String,
    /// What happened.
    pub fault: CallFault,
}

/// What happened to a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallFault {
    /// The URL is none that is called.
    #[error("it is refused: {0}")]
    Address(AddressError),
    /// A stranger's name leads away from the public internet.
    #[error("it is refused: its name leads to {0}")]
    Guarded(Range),
    /// The name is not known, or nobody answers for it.
    #[error("its name cannot be resolved")]
    Name,
    /// Nobody there, or nobody who answers in time.
    #[error("no connection ({0})")]
    Connect(io::ErrorKind),
    /// The proxy of the environment lets nothing through.
    #[error("no connection through the proxy")]
    Proxy,
    /// It does not prove who it is.
    #[error("no secure connection: {0}")]
    Tls(TlsFault),
    /// It let us wait.
    #[error("too slow: {wait} took longer than {limit:?}")]
    TooSlow {
        /// For what.
        wait: Wait,
        /// How long at most.
        limit: Duration,
    },
    /// The answer, or a piece of it, is larger than it may be.
    #[error("its answer has more than {0} bytes")]
    TooBig(usize),
    /// The connection ended before the answer did.
    #[error("its answer broke off, or is not HTTP")]
    Broken,
    /// An answer that says no, or a redirect.
    #[error("it answered {status}")]
    Status {
        /// What it said.
        status: StatusCode,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The answer is not what it should be.
    #[error("its answer is not {0}")]
    Unreadable(&'static str),
    /// The call itself is wrong.
    #[error("the call cannot be sent: {0}")]
    Unsendable(&'static str),
}

impl From<AddressError> for OutboundError {
    /// Without a place: what is refused is not repeated.
    fn from(error: AddressError) -> Self {
        OutboundError::new("an address", CallFault::Address(error))
    }
}

/// What took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wait {
    /// From the call to the first byte of the answer's body.
    #[error("the first byte")]
    FirstByte,
    /// From one piece of the answer to the next.
    #[error("the next byte")]
    Idle,
    /// From the call to the end of the answer.
    #[error("the whole answer")]
    Total,
}

/// Why a connection is not secure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFault {
    /// Ours or theirs: no certificate can be checked.
    #[error(
        "this machine knows no certificate authorities; install ca-certificates, or set SSL_CERT_FILE"
    )]
    NoAuthorities,
    /// Signed by nobody we know.
    #[error(
        "its certificate is not from an authority that this machine knows; add yours to the machine's, or set SSL_CERT_FILE"
    )]
    Unknown,
    /// Too old, or too new.
    #[error("its certificate has expired or is not valid yet")]
    Expired,
    /// Of somebody else.
    #[error("its certificate is for another name")]
    Name,
    /// Anything else that is wrong with it.
    #[error("its certificate is not valid")]
    Certificate,
    /// No TLS at all, or none that both speak.
    #[error("it does not speak TLS as we do")]
    Handshake,
}

impl OutboundError {
    pub(super) fn new(authority: impl Into<String>, fault: CallFault) -> Self {
        Self {
            authority: authority.into(),
            fault,
        }
    }
}

impl CallFault {
    /// One word for logs and counters.
    pub fn class(&self) -> &'static str {
        match self {
            CallFault::Address(_) | CallFault::Guarded(_) => "refused address",
            CallFault::Name => "name",
            CallFault::Connect(_) => "connect",
            CallFault::Proxy => "proxy",
            CallFault::Tls(_) => "tls",
            CallFault::TooSlow { wait, .. } => match wait {
                Wait::FirstByte => "too slow (first byte)",
                Wait::Idle => "too slow (idle)",
                Wait::Total => "too slow (total)",
            },
            CallFault::TooBig(_) => "too big",
            CallFault::Broken => "broken",
            CallFault::Status { .. } => "status",
            CallFault::Unreadable(_) => "unreadable",
            CallFault::Unsendable(_) => "unsendable",
        }
    }

    /// May the same call succeed a little later?
    pub fn is_temporary(&self) -> bool {
        match self {
            CallFault::Name
            | CallFault::Connect(_)
            | CallFault::Proxy
            | CallFault::TooSlow { .. }
            | CallFault::Broken => true,
            CallFault::Status { status, .. } => is_temporary(*status),
            CallFault::Address(_)
            | CallFault::Guarded(_)
            | CallFault::Tls(_)
            | CallFault::TooBig(_)
            | CallFault::Unreadable(_)
            | CallFault::Unsendable(_) => false,
        }
    }

    /// How long the other side wants to be left alone, when it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            CallFault::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Statuses that pass: too many calls, a server that is busy, restarting or behind a gateway that lost it.
fn is_temporary(status: StatusCode) -> bool {
    match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED => false,
        status => status.is_server_error(),
    }
}

/// What the client's error is about. Its own words are dropped: they may repeat the URL.
pub(super) fn fault_of(error: &reqwest::Error, knows_authorities: bool) -> CallFault {
    if let Some(range) = find::<Range>(error) {
        return CallFault::Guarded(*range);
    }
    if let Some(error) = find::<rustls::Error>(error) {
        return CallFault::Tls(tls_fault(error, knows_authorities));
    }
    if error.is_builder() {
        return CallFault::Unsendable("the URL is not one for HTTP");
    }
    if !error.is_connect() {
        return CallFault::Broken;
    }
    if error.is_timeout() {
        return CallFault::Connect(io::ErrorKind::TimedOut);
    }
    if error.is_dns() {
        return CallFault::Name;
    }
    // Without the system's word it was the proxy's.
    find::<io::Error>(error).map_or(CallFault::Proxy, |error| CallFault::Connect(error.kind()))
}

fn tls_fault(error: &rustls::Error, knows_authorities: bool) -> TlsFault {
    use rustls::CertificateError as Wrong;
    let rustls::Error::InvalidCertificate(wrong) = error else {
        return TlsFault::Handshake;
    };
    match wrong {
        Wrong::UnknownIssuer if !knows_authorities => TlsFault::NoAuthorities,
        Wrong::UnknownIssuer => TlsFault::Unknown,
        Wrong::Expired
        | Wrong::ExpiredContext { .. }
        | Wrong::NotValidYet
        | Wrong::NotValidYetContext { .. } => TlsFault::Expired,
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => TlsFault::Name,
        _ => TlsFault::Certificate,
    }
}

/// The first cause of this type.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        // The source of an I/O error is the source of what it wraps, which would be passed over.
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_that_pass_are_worth_another_call() {
        for (status, temporary) in [
            (301, false),
            (400, false),
            (401, false),
            (404, false),
            (408, true),
            (410, false),
            (425, true),
            (429, true),
            (500, true),
            (501, false),
            (502, true),
            (503, true),
            (504, true),
            (505, false),
            (529, true),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let fault = CallFault::Status {
                status,
                retry_after: None,
            };
            assert_eq!(fault.is_temporary(), temporary, "{status}");
        }
    }

    #[test]
    fn certificates_are_told_apart_without_their_own_words() {
        use rustls::CertificateError as Wrong;
        for (wrong, knows, fault) in [
            (Wrong::UnknownIssuer, true, TlsFault::Unknown),
            (Wrong::UnknownIssuer, false, TlsFault::NoAuthorities),
            (Wrong::Expired, true, TlsFault::Expired),
            (Wrong::NotValidYet, true, TlsFault::Expired),
            (Wrong::NotValidForName, true, TlsFault::Name),
            (Wrong::Revoked, true, TlsFault::Certificate),
        ] {
            let error = rustls::Error::InvalidCertificate(wrong);
            assert_eq!(tls_fault(&error, knows), fault, "{error}");
        }
        let error = rustls::Error::HandshakeNotComplete;
        assert_eq!(tls_fault(&error, true), TlsFault::Handshake);
    }

    #[test]
    fn a_cause_is_found_inside_of_an_io_error() {
        let inner = io::Error::other(rustls::Error::HandshakeNotComplete);
        let outer = io::Error::other(inner);
        assert!(find::<rustls::Error>(&outer).is_some());
        assert!(find::<Range>(&outer).is_none());
    }
}
