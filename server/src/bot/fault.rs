//! Decides from the fault of a call whether to try again.
//!
//! In the path: connectors turn each [`OutboundError`] and each error status into a [`BotError`] with this.

use std::time::Duration;

use http::StatusCode;

use super::{Answers, BotError, Class, Fault};
use crate::outbound::{self, OutboundError, Wait};

impl From<OutboundError> for BotError {
    fn from(error: OutboundError) -> Self {
        use outbound::CallFault;
        let class = match &error.fault {
            CallFault::Status {
                status,
                retry_after,
            } => return of_status(&error.authority, *status, *retry_after),
            CallFault::Address(_) | CallFault::Guarded(_) | CallFault::Unsendable(_) => {
                Class::Setup
            }
            CallFault::Name | CallFault::Connect(_) | CallFault::Proxy | CallFault::Tls(_) => {
                Class::Unreachable
            }
            CallFault::TooSlow { .. } => Class::TooSlow,
            CallFault::TooBig(_) => Class::TooMuch,
            _ => Class::Unreadable,
        };
        // A bot that took all the time that there is would take it again.
        let endless = matches!(
            &error.fault,
            CallFault::TooSlow {
                wait: Wait::Total,
                ..
            }
        );
        if error.fault.is_temporary() && !endless {
            Self::unavailable(class, error.to_string())
        } else {
            Self::failed(class, error.to_string())
        }
    }
}

/// The error for an answer with an error status. `authority` is host and port.
pub(crate) fn of_status(
    authority: &str,
    status: StatusCode,
    retry_after: Option<Duration>,
) -> BotError {
    let (class, what) = match status.as_u16() {
        300..=399 => (
            Class::Setup,
            "leads elsewhere, and redirects are not followed",
        ),
        401 | 403 | 407 => (Class::Refused, "does not let us in"),
        402 => (Class::Refused, "wants to be paid first"),
        404 | 405 | 410 => (
            Class::Setup,
            "does not know what was asked for at this address",
        ),
        408 | 504 => (Class::TooSlow, "was too slow itself"),
        409 | 425 | 429 | 503 | 529 => (Class::Busy, "has too much to do"),
        400..=499 => (Class::Setup, "does not accept the request"),
        _ => (Class::Error, "reports an error of its own"),
    };
    let fault = Fault {
        class,
        status: Some(status.as_u16()),
        reason: format!("{authority} {what}"),
    };
    let temporary = match status {
        StatusCode::REQUEST_TIMEOUT
        | StatusCode::CONFLICT
        | StatusCode::TOO_EARLY
        | StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED => false,
        status => status.is_server_error(),
    };
    if temporary {
        BotError::Unavailable { fault, retry_after }
    } else {
        BotError::Failed(fault)
    }
}

/// The error for a turn that has shown something already. What was shown stays, and the bot is not asked again.
pub(crate) fn once_shown(error: BotError, answers: &Answers) -> BotError {
    match error {
        BotError::Unavailable { fault, .. } if answers.has_streamed() => BotError::Failed(fault),
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::{CallFault, TlsFault};

    #[test]
    fn a_status_says_whose_turn_it_is() {
        for (status, temporary, class) in [
            (302, false, Class::Setup),
            (400, false, Class::Setup),
            (401, false, Class::Refused),
            (402, false, Class::Refused),
            (403, false, Class::Refused),
            (404, false, Class::Setup),
            (408, true, Class::TooSlow),
            (409, true, Class::Busy),
            (413, false, Class::Setup),
            (425, true, Class::Busy),
            (429, true, Class::Busy),
            (500, true, Class::Error),
            (501, false, Class::Error),
            (502, true, Class::Error),
            (503, true, Class::Busy),
            (504, true, Class::TooSlow),
            (529, true, Class::Busy),
            (600, false, Class::Error),
        ] {
            let wait = Some(Duration::from_secs(7));
            let code = StatusCode::from_u16(status).unwrap();
            let error = of_status("bot.test:443", code, wait);
            assert_eq!(
                (error.is_temporary(), error.class(), error.status()),
                (temporary, class, Some(status))
            );
            if let BotError::Unavailable { retry_after, .. } = &error {
                assert_eq!(*retry_after, wait);
            }
            assert!(error.to_string().contains("bot.test:443"), "{error}");
        }
    }

    #[test]
    fn what_happened_on_the_way_is_told_apart() {
        let slow = |wait| CallFault::TooSlow {
            wait,
            limit: Duration::from_secs(1),
        };
        for (happened, temporary, class) in [
            (CallFault::Name, true, Class::Unreachable),
            (
                CallFault::Connect(std::io::ErrorKind::ConnectionRefused),
                true,
                Class::Unreachable,
            ),
            (CallFault::Tls(TlsFault::Expired), false, Class::Unreachable),
            (slow(Wait::FirstByte), true, Class::TooSlow),
            (slow(Wait::Idle), true, Class::TooSlow),
            (slow(Wait::Total), false, Class::TooSlow),
            (CallFault::TooBig(9), false, Class::TooMuch),
            (CallFault::Broken, true, Class::Unreadable),
            (CallFault::Unreadable("JSON"), false, Class::Unreadable),
            (CallFault::Unsendable("x"), false, Class::Setup),
        ] {
            let error = BotError::from(OutboundError {
                authority: "bot.test:443".to_owned(),
                fault: happened.clone(),
            });
            assert_eq!(
                (error.is_temporary(), error.class()),
                (temporary, class),
                "{happened:?}"
            );
        }
    }

    #[test]
    fn what_was_shown_is_not_asked_for_again() {
        let error = || BotError::unavailable(Class::Unreadable, "it broke off");
        let mut answers = Answers::new();
        assert!(once_shown(error(), &answers).is_temporary());
        answers.write("Hel").unwrap();
        let final_one = once_shown(error(), &answers);
        assert_eq!(
            final_one,
            BotError::failed(Class::Unreadable, "it broke off")
        );
    }
}
