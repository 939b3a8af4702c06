//! Characters whose halves come in two pieces of a stream, because JSON may cut a text between two surrogates.

/// A half character is not looked for at the end of a longer piece, because an answer that is sent letter by letter has
/// short pieces.
const LOOKED_AT: usize = 4 * 1024;

/// Joins the halves in the pieces of one text, in order.
#[derive(Debug, Default)]
pub(in crate::bot) struct Halves {
    /// The first half of a character, at the end of the last piece.
    half: Option<u16>,
}

impl Halves {
    /// A piece whose ends may be halves. `said` is the JSON object in which it stands as `delta`.
    pub(in crate::bot) fn mended(&mut self, delta: &str, said: &str) -> String {
        let before = self.half.take();
        let is_torn = |end: Option<char>| end == Some(char::REPLACEMENT_CHARACTER);
        let may_be = is_torn(delta.chars().next()) || is_torn(delta.chars().next_back());
        let torn = if may_be && said.len() <= LOOKED_AT {
            protocol::json::Value::parse_piece(said)
        } else {
            None
        };
        let (first, last) = match torn.as_ref().map(|whole| &whole["delta"]) {
            Some(protocol::json::Value::Torn(torn)) => (torn.first, torn.last),
            _ => (None, None),
        };
        let mut rest = delta;
        let mut mended = String::new();
        match (before, first) {
            (Some(high), Some(low)) => {
                let whole = char::decode_utf16([high, low]).next().and_then(Result::ok);
                mended.push(whole.unwrap_or(char::REPLACEMENT_CHARACTER));
                rest = rest
                    .strip_prefix(char::REPLACEMENT_CHARACTER)
                    .unwrap_or(rest);
            }
            (Some(_), None) => mended.push(char::REPLACEMENT_CHARACTER),
            (None, _) => {}
        }
        if last.is_some() {
            rest = rest
                .strip_suffix(char::REPLACEMENT_CHARACTER)
                .unwrap_or(rest);
            self.half = last;
        }
        mended.push_str(rest);
        mended
    }

    /// What is left when the text has ended.
    pub(in crate::bot) fn finish(&mut self) -> Option<String> {
        let half = self.half.take();
        half.map(|_| char::REPLACEMENT_CHARACTER.to_string())
    }
}
