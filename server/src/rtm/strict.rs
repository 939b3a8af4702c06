//! Checks the heads of a peer's frames before anything is read from them.
//!
//! In the path: `upgrade` puts this between the connection and the WebSocket library. The library is lenient: it reads
//! lengths in any form, and collects fragments for as long as they come.
//!
//! Invariants: bytes pass unchanged up to the first fault, and nothing passes after it. Only the head of the current
//! frame is kept. `docs/adr/0019-strict-frames.md` says why this is our own code.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::limits::{MAX_FRAGMENTS, MESSAGE_WITHIN};

/// A stream of frames that ends at the first fault.
#[derive(Debug)]
pub struct Strict<S> {
    inner: S,
    frames: Frames,
    fault: Option<FrameFault>,
}

/// What only a broken or hostile client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameFault {
    /// RFC 6455, 5.2: the minimal number of bytes must be used.
    #[error("the length of a frame is not in its shortest form")]
    Length,
    /// There are more fragments than [`MAX_FRAGMENTS`], full or empty.
    #[error("a message has too many fragments")]
    Fragments,
    /// The message began more than [`MESSAGE_WITHIN`] ago.
    #[error("a message took too long")]
    Slow,
}

impl<S> Strict<S> {
    /// Checks from the first frame on.
    pub(super) fn new(inner: S) -> Self {
        Self {
            inner,
            frames: Frames::default(),
            fault: None,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Strict<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.fault.is_none() {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
            let came = buffer.filled().get(before..).unwrap_or_default();
            let Err((good, fault)) = self.frames.pass(came, Instant::now()) else {
                return Poll::Ready(Ok(()));
            };
            self.fault = Some(fault);
            buffer.set_filled(before + good);
            if good > 0 {
                return Poll::Ready(Ok(()));
            }
        }
        let fault = self.fault.unwrap_or(FrameFault::Length);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, fault)))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Strict<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// The bytes of opcode, flags, mask bit, and the longest length.
const HEAD: usize = 10;
/// The bytes of a client's key, behind the length.
const MASK: u64 = 4;

/// Where the peer is in its frames.
#[derive(Debug, Default)]
struct Frames {
    head: [u8; HEAD],
    /// How many bytes of the head have come.
    have: usize,
    /// How many bytes of the frame are still to come behind its head.
    left: u64,
    /// Whether the frame is the last of its message.
    last: bool,
    /// When the message began that is not complete yet.
    began: Option<Instant>,
    /// The number of its frames so far.
    fragments: u32,
}

impl Frames {
    /// Checks these bytes. The error says how many of them were good.
    fn pass(&mut self, bytes: &[u8], now: Instant) -> Result<(), (usize, FrameFault)> {
        if let Some(began) = self.began
            && now.saturating_duration_since(began) > MESSAGE_WITHIN
        {
            return Err((0, FrameFault::Slow));
        }
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if self.left > 0 {
                let here = u64::try_from(rest.len()).unwrap_or(u64::MAX);
                let taken = self.left.min(here);
                self.left -= taken;
                at += usize::try_from(taken).unwrap_or(rest.len());
            } else {
                self.head[self.have] = rest[0];
                self.have += 1;
                if self.have == self.head_length() {
                    self.begin(now).map_err(|fault| (at, fault))?;
                }
                at += 1;
            }
            if self.left == 0 && self.have == 0 && self.last {
                self.last = false;
                self.began = None;
                self.fragments = 0;
            }
        }
        Ok(())
    }

    fn head_length(&self) -> usize {
        match self.head[1] & 0x7f {
            // The length of the head depends on the second byte.
            _ if self.have < 2 => 2,
            126 => 4,
            127 => HEAD,
            _ => 2,
        }
    }

    /// The head is complete.
    fn begin(&mut self, now: Instant) -> Result<(), FrameFault> {
        let [first, second, length @ ..] = self.head;
        let long = u64::from_be_bytes(length);
        let length = match second & 0x7f {
            126 => long >> 48,
            127 => long,
            short => u64::from(short),
        };
        let shortest = match second & 0x7f {
            126 => length > 125,
            127 => length > u64::from(u16::MAX) && length >> 63 == 0,
            _ => true,
        };
        if !shortest {
            return Err(FrameFault::Length);
        }
        self.have = 0;
        let masked = second & 0x80 != 0;
        self.left = length.saturating_add(if masked { MASK } else { 0 });
        // Control frames may stand between the fragments of a message.
        let control = first & 0x08 != 0;
        if !control {
            self.fragments += 1;
            self.last = first & 0x80 != 0;
            self.began.get_or_insert(now);
            if self.fragments > MAX_FRAGMENTS {
                return Err(FrameFault::Fragments);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncReadExt as _;

    use super::*;

    const KEY: [u8; 4] = [1, 2, 3, 4];

    fn frame(first: u8, length: &[u8], payload: usize) -> Vec<u8> {
        [&[first][..], length, &KEY, &vec![b'x'; payload]].concat()
    }

    /// The bytes that pass, when this many are read at once, and the fault.
    async fn read(bytes: &[u8], at_once: usize) -> (Vec<u8>, Option<FrameFault>) {
        let stream = tokio_test_stream(bytes, at_once);
        let mut strict = Strict::new(stream);
        let mut passed = Vec::new();
        let ended = strict.read_to_end(&mut passed).await;
        let fault = ended.err().map(|error| {
            *error
                .get_ref()
                .and_then(|cause| cause.downcast_ref::<FrameFault>())
                .unwrap()
        });
        (passed, fault)
    }

    fn tokio_test_stream(bytes: &[u8], at_once: usize) -> impl AsyncRead + Unpin {
        let (mut says, hears) = tokio::io::duplex(at_once);
        let bytes = bytes.to_vec();
        #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
        tokio::spawn(async move {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut says, &bytes).await;
        });
        hears
    }

    #[tokio::test]
    async fn what_clients_send_passes_as_it_came() {
        let mut all = Vec::new();
        all.extend(frame(0x81, &[0x80 | 5], 5));
        all.extend(frame(0x81, &[0x80], 0));
        all.extend(frame(0x81, &[0xfe, 0, 126], 126));
        all.extend(frame(0x81, &[0xff, 0, 0, 0, 0, 0, 1, 0, 0], 65_536));
        // A ping between two fragments.
        all.extend(frame(0x01, &[0x80 | 3], 3));
        all.extend(frame(0x89, &[0x80], 0));
        all.extend(frame(0x80, &[0x80 | 2], 2));
        for at_once in [1, 7, 100_000] {
            assert_eq!(read(&all, at_once).await, (all.clone(), None));
        }
        // Any number of messages in few pieces each.
        let mut pieces = frame(0x01, &[0x80 | 1], 1);
        pieces.extend(frame(0x80, &[0x80 | 1], 1));
        let many = pieces.repeat(1_000);
        assert_eq!(read(&many, 64).await, (many, None));
    }

    #[tokio::test]
    async fn a_length_in_a_longer_form_is_a_fault_for_every_kind_of_frame() {
        let good = frame(0x81, &[0x80 | 5], 5);
        for first in [0x81, 0x82, 0x88, 0x89, 0x8a, 0x01] {
            for length in [
                &[0xfe, 0, 5][..],
                &[0xfe, 0, 125],
                &[0xff, 0, 0, 0, 0, 0, 0, 0, 5],
                &[0xff, 0, 0, 0, 0, 0, 0, 255, 255],
                &[0xff, 0x80, 0, 0, 0, 0, 1, 0, 0],
            ] {
                let all = [good.clone(), frame(first, length, 5)].concat();
                for at_once in [1, 100_000] {
                    let (passed, fault) = read(&all, at_once).await;
                    assert_eq!(fault, Some(FrameFault::Length), "{first:x} {length:?}");
                    assert!(passed.starts_with(&good));
                    assert!(passed.len() < good.len() + HEAD, "not the bad one");
                }
            }
        }
    }

    #[tokio::test]
    async fn fragments_without_end_are_a_fault() {
        for payload in [0, 1] {
            let length = u8::try_from(payload).unwrap();
            let mut all = frame(0x01, &[0x80 | length], payload);
            for _ in 0..1_000 {
                all.extend(frame(0x00, &[0x80 | length], payload));
                all.extend(frame(0x89, &[0x80], 0));
            }
            let (_, fault) = read(&all, 64).await;
            assert_eq!(fault, Some(FrameFault::Fragments));
        }
    }

    #[test]
    fn it_costs_an_idle_socket_next_to_nothing() {
        assert!(size_of::<Strict<()>>() <= 64, "{}", size_of::<Strict<()>>());
    }

    #[test]
    fn a_message_that_is_never_whole_is_a_fault() {
        let start = Instant::now();
        let mut frames = Frames::default();
        let late = start + MESSAGE_WITHIN + Duration::from_secs(1);
        frames.pass(&frame(0x81, &[0x80 | 5], 5), start).unwrap();
        // No message was on its way.
        frames.pass(&frame(0x01, &[0x80 | 5], 5), late).unwrap();
        let ping = frame(0x89, &[0x80], 0);
        frames.pass(&ping, late + MESSAGE_WITHIN).unwrap();
        let later = late + MESSAGE_WITHIN + Duration::from_secs(1);
        assert_eq!(frames.pass(&ping, later), Err((0, FrameFault::Slow)));
    }
}
