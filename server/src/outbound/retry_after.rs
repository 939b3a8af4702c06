//! When the other side wants to be asked again.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;

use crate::clock::{Millis, whole_millis};
use crate::limits::RETRY_AFTER_MOST;

/// The time in `retry-after-ms` or `Retry-After` (seconds, or a date), at most [`RETRY_AFTER_MOST`]. `None` if neither
/// can be read. A date in the past means no wait.
pub(super) fn retry_after(headers: &HeaderMap, now: Millis) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
    let millis = text("retry-after-ms").and_then(|it| number(it, 1_000.0));
    let wait = millis.or_else(|| {
        let said = text(RETRY_AFTER.as_str())?;
        number(said, 1.0).or_else(|| until(said, now))
    })?;
    Some(wait.min(RETRY_AFTER_MOST))
}

/// A number of fractions of a second. Some servers send decimals, which the standard does not allow.
fn number(text: &str, parts: f64) -> Option<Duration> {
    let text = text.trim();
    // `parse` would accept "inf" and "1e9", too.
    if !text.chars().all(|it| it.is_ascii_digit() || it == '.') {
        return None;
    }
    let seconds = text.parse::<f64>().ok()? / parts;
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

fn until(text: &str, now: Millis) -> Option<Duration> {
    let at = httpdate::parse_http_date(text.trim()).ok()?;
    let at = at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(Millis(whole_millis(at)).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2015-10-21T07:28:00Z
    const NOW: Millis = Millis(1_445_412_480_000);

    fn said(headers: &[(&'static str, &'static str)]) -> Option<Duration> {
        let each = headers.iter().map(|(name, value)| {
            (
                name.parse::<http::HeaderName>().unwrap(),
                value.parse().unwrap(),
            )
        });
        retry_after(&each.collect(), NOW)
    }

    #[test]
    fn seconds_fractions_dates_and_milliseconds_are_read() {
        for (headers, wait) in [
            (&[("retry-after", "3")][..], Duration::from_secs(3)),
            (&[("retry-after", " 0 ")], Duration::ZERO),
            (&[("retry-after", "1.5")], Duration::from_millis(1_500)),
            (&[("retry-after-ms", "250")], Duration::from_millis(250)),
            (&[("retry-after-ms", "0.5")], Duration::from_micros(500)),
            (
                &[("retry-after-ms", "250"), ("retry-after", "9")],
                Duration::from_millis(250),
            ),
            (
                &[("retry-after-ms", "soon"), ("retry-after", "9")],
                Duration::from_secs(9),
            ),
            (
                &[("retry-after", "Wed, 21 Oct 2015 07:28:30 GMT")],
                Duration::from_secs(30),
            ),
            (
                &[("retry-after", "Wed, 21 Oct 2015 07:27:00 GMT")],
                Duration::ZERO,
            ),
            (
                &[("retry-after", "Wednesday, 21-Oct-15 07:28:05 GMT")],
                Duration::from_secs(5),
            ),
        ] {
            assert_eq!(said(headers), Some(wait), "{headers:?}");
        }
    }

    #[test]
    fn a_wait_is_bounded() {
        for value in [
            "86400",
            "99999999999999999999999999",
            "Fri, 21 Oct 2095 07:28:00 GMT",
        ] {
            assert_eq!(
                said(&[("retry-after", value)]),
                Some(RETRY_AFTER_MOST),
                "{value}"
            );
        }
    }

    #[test]
    fn what_is_no_wait_is_passed_over() {
        for value in ["", "-1", "soon", "1e9", "inf", "NaN", ".", "1.2.3", "3 s"] {
            assert_eq!(said(&[("retry-after", value)]), None, "{value}");
        }
        assert_eq!(said(&[]), None);
    }
}
