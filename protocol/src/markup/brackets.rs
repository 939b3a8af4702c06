//! Finds the brackets of a text that are links. This runs before the marks are read, because brackets nest and marks do
//! not.
//!
//! One pass is enough. `[Invoice [2024]](https://a.test)` is a link with brackets in its words. If one link stands
//! inside another, the inner one counts.

/// A pair of brackets with an address behind it.
pub(super) struct Bracketed {
    /// Where the opening bracket stands.
    pub(super) open: usize,
    /// Where the closing bracket stands.
    pub(super) close: usize,
    /// The address as it was written, without a title.
    pub(super) url: String,
    /// The length of the address with its parentheses, in bytes.
    pub(super) len: usize,
}

/// The links of a text, ordered by their ends, and the number of steps that this took.
pub(super) fn links(text: &str) -> (Vec<Bracketed>, usize) {
    let bytes = text.as_bytes();
    let (mut links, mut waiting) = (Vec::new(), Vec::new());
    let (mut at, mut steps) = (0, 0);
    // A run of this many quotes has no end. Then no later run has one either.
    let mut endless = [[false; 4]; 2];
    while let Some(byte) = bytes.get(at) {
        steps += 1;
        match byte {
            b'\\' => at += 2,
            b'`' | b'\'' => {
                let run = bytes[at..]
                    .iter()
                    .take_while(|other| *other == byte)
                    .count();
                let endless = &mut endless[usize::from(*byte == b'`')];
                // The reader of code decides in the same way.
                let is_code = (1..=3).contains(&run) && (*byte == b'`' || run == 3);
                let mut end = None;
                if is_code && !endless[run] {
                    let (found, looked) = code_end(text, at, run);
                    steps += looked;
                    endless[run] = found.is_none();
                    end = found;
                }
                at = end.unwrap_or(at + run);
            }
            b'[' => {
                waiting.push(at);
                at += 1;
            }
            b']' => {
                let (close, open) = (at, waiting.pop());
                at += 1;
                if let Some(open) = open {
                    let (found, looked) = destination(text, at);
                    steps += looked;
                    if let Some((url, len)) = found {
                        at += len;
                        links.push(Bracketed {
                            open,
                            close,
                            url,
                            len,
                        });
                    }
                }
            }
            _ => at += 1,
        }
    }
    (links, steps)
}

/// Reads `(https://… "title")`. Gives the address with the length of everything, and the number of steps. The search
/// stops at the next `](`, so that no byte is read for two links.
fn destination(text: &str, from: usize) -> (Option<(String, usize)>, usize) {
    let byte = |at: usize| text.as_bytes().get(at).copied();
    let (mut depth, mut end) = (1_usize, from + 1);
    if byte(from) != Some(b'(') {
        return (None, 0);
    }
    while depth > 0 {
        match byte(end) {
            None | Some(b'\n') => return (None, end - from),
            Some(b']') if byte(end + 1) == Some(b'(') => return (None, end - from),
            Some(b'(') => depth += 1,
            Some(b')') => depth -= 1,
            _ => {}
        }
        end += 1;
    }
    let inner = text[from + 1..end - 1].trim();
    let (first, title) = inner.split_once(' ').unwrap_or((inner, ""));
    let is_title = title.trim_start().starts_with(['"', '\'']);
    let url = if is_title { first } else { inner };
    let url = url.strip_prefix('<').unwrap_or(url);
    let url = url.strip_suffix('>').unwrap_or(url);
    // "list[0](x)" is not a link at all. A link that leads nowhere shows its words.
    let address = url.contains([':', '/', '.', '#']);
    let found = address.then(|| (url.to_owned(), end - from));
    (found, end - from)
}

/// Where code ends that begins here with a run of this many quotes: behind the next run of the same length. Also gives
/// the number of steps.
pub(super) fn code_end(text: &str, at: usize, run: usize) -> (Option<usize>, usize) {
    let bytes = text.as_bytes();
    let Some(sign) = bytes.get(at) else {
        return (None, 0);
    };
    let mut end = at + run;
    while let Some(found) = bytes[end..].iter().position(|byte| byte == sign) {
        end += found;
        let other = bytes[end..].iter().take_while(|byte| *byte == sign).count();
        end += other;
        if other == run {
            return (Some(end), end - at);
        }
    }
    (None, bytes.len() - at)
}
