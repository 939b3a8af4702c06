//! `[bots.….apology]`: the messages for visitors when the bot could not answer.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The longest text, in characters: two sentences.
const MAX_CHARS: usize = 500;

/// Texts by language. If there are none, our own texts are used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub struct Apology(BTreeMap<String, String>);

impl Apology {
    /// The text for a tag such as `de-AT`.
    pub fn of_tag(&self, tag: &str) -> Option<&str> {
        self.0.get(&language(tag)).map(String::as_str)
    }
}

/// The language of a tag, without its region.
fn language(tag: &str) -> String {
    let language = tag.trim().split(['-', '_']).next().unwrap_or_default();
    language.to_ascii_lowercase()
}

impl TryFrom<BTreeMap<String, String>> for Apology {
    type Error = String;

    fn try_from(texts: BTreeMap<String, String>) -> Result<Self, String> {
        for (tag, text) in &texts {
            let fits = (2..=3).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_lowercase());
            if !fits {
                return Err(format!(
                    "`{tag}` is no language; use two or three small letters, for example `de`"
                ));
            }
            if text.trim().is_empty() || text.chars().count() > MAX_CHARS {
                return Err(format!(
                    "the text of `{tag}` must have 1 to {MAX_CHARS} characters"
                ));
            }
        }
        Ok(Self(texts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Apology, String> {
        let pairs = pairs
            .iter()
            .map(|(tag, text)| ((*tag).to_owned(), (*text).to_owned()));
        Apology::try_from(pairs.collect::<BTreeMap<_, _>>())
    }

    #[test]
    fn a_text_is_found_for_each_tag_of_its_language() {
        let apology = read(&[("de", "Ohje.")]).unwrap();
        for tag in ["de", "de-AT", "DE_ch", " de "] {
            assert_eq!(apology.of_tag(tag), Some("Ohje."), "{tag}");
        }
        assert_eq!(apology.of_tag("en"), None);
        assert_eq!(apology.of_tag(""), None);
    }

    #[test]
    fn what_is_no_language_or_no_text_is_refused() {
        for (tag, text) in [("de-AT", "x"), ("German", "x"), ("", "x"), ("de", " ")] {
            assert!(read(&[(tag, text)]).is_err(), "{tag}: {text}");
        }
        assert!(read(&[("de", &"x".repeat(MAX_CHARS))]).is_ok());
        assert!(read(&[("de", &"x".repeat(MAX_CHARS + 1))]).is_err());
    }
}
