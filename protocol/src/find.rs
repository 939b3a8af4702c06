//! Search for short words. The search in std is made for long words and costs 4 kB of the widget.

/// Where `word` begins in `text`, in bytes.
#[must_use]
pub fn find(text: &str, word: &str) -> Option<usize> {
    let word = word.as_bytes();
    let mut windows = text.as_bytes().windows(word.len().max(1));
    windows.position(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn finds_the_first_place_as_std_does() {
        let texts = ["", "a", "é", "aé``b```é", "ababac", "````", "href=href="];
        let words = ["a", "é", "```", "abac", "href=", "longer than all of them"];
        for text in texts {
            for word in words {
                assert_eq!(find(text, word), text.find(word), "{text:?} {word:?}");
            }
        }
    }
}
