//! Why a call brought no complete answer. It is for the operator's log, and for the caller who decides whether to ask
//! again.
//!
//! Invariant: an error says of a call only host and port, and of an answer only the status.

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
    /// The URL is refused.
    #[error("it is refused: {0}")]
    Address(AddressError),
    /// A stranger's name leads away from the public internet.
    #[error("it is refused: its name leads to {0}")]
    Guarded(Range),
    /// The name is unknown, or no name server answers.
    #[error("its name cannot be resolved")]
    Name,
    /// Nobody answers, or not in time.
    #[error("no connection ({0})")]
    Connect(io::ErrorKind),
    /// The proxy of the environment refuses.
    #[error("no connection through the proxy")]
    Proxy,
    /// The connection is not secure.
    #[error("no secure connection: {0}")]
    Tls(TlsFault),
    /// It was too slow.
    #[error("too slow: {wait} took longer than {limit:?}")]
    TooSlow {
        /// What was waited for.
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
    /// The status is not a success, or a redirect.
    #[error("it answered {status}")]
    Status {
        /// The status.
        status: StatusCode,
        /// When the other side wants to be asked again.
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
    /// It has no authority, because a refused address is not repeated.
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
    /// No certificate can be checked; either side may be wrong.
    #[error(
        "this machine knows no certificate authorities; install ca-certificates, or set SSL_CERT_FILE"
    )]
    NoAuthorities,
    /// An unknown authority signed the certificate.
    #[error(
        "its certificate is not from an authority that this machine knows; add yours to the machine's, or set SSL_CERT_FILE"
    )]
    Unknown,
    /// The certificate is too old, or not valid yet.
    #[error("its certificate has expired or is not valid yet")]
    Expired,
    /// The certificate is for another name.
    #[error("its certificate is for another name")]
    Name,
    /// Anything else that is wrong with the certificate.
    #[error("its certificate is not valid")]
    Certificate,
    /// The other side does not speak TLS, or shares no version with us.
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

    /// Whether the same call may succeed a little later.
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

    /// How long the other side wants to be left alone, if it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            CallFault::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Statuses that pass: too many calls, or a server that is busy, restarting, or lost behind its gateway.
fn is_temporary(status: StatusCode) -> bool {
    match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED => false,
        status => status.is_server_error(),
    }
}

/// The fault of the client's error. The error's own message is dropped, because it may repeat the URL.
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
    // Without an error of the system, the proxy has failed.
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
        // `source` of an I/O error gives the source of the error inside it, so the inner error would be skipped.
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
