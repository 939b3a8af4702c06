//! What a visitor said: the words, the choice, and the files.

use super::{Content, MAX_PAYLOAD_BYTES};
use crate::json::Value;
use crate::link::safe_link;
use crate::message::{UserBody, add};
use crate::wire;

/// Files beyond this are dropped: no client sends more at once.
const MAX_FILES: usize = 50;

wire! {
    /// A file that the visitor sent.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct File {
        /// Its name, with the ending.
        pub name: String,
        /// The address, http or https, if the platform gives one.
        pub url: Option<String>,
        /// What kind of file it is.
        pub kind: FileKind,
    }
}

wire! {
    /// What kind of file, as clients tell them apart (`fileType`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum FileKind {
        /// Sound.
        Audio,
        /// None of the others.
        Document,
        /// A picture.
        Image,
        /// A film.
        Video,
    }
}

impl Content {
    /// What a message of the visitor shows, live or from the history.
    ///
    /// The payload of a choice is kept, so that the widget can find the choice again. It is dropped when the words mask
    /// a secret, because the secret must not stand in a page.
    #[must_use]
    pub fn of_user_body(said: &UserBody) -> Self {
        let names = said.file_names();
        let mut text = said.render_msg.as_ref().or(said.body.as_ref()).cloned();
        // The history shows the names of the files when the visitor wrote no text.
        text = text.filter(|text| names.is_empty() || *text != names);
        let text = text.unwrap_or_default();
        let payload = said.body.as_ref().filter(|body| {
            **body != text
                && **body != names
                && body.len() <= MAX_PAYLOAD_BYTES
                && !masks_something(&text)
        });
        let files = said.attachments.iter().flatten();
        Self::Said {
            payload: payload.cloned(),
            text,
            files: files.filter_map(File::of).take(MAX_FILES).collect(),
        }
    }
}

/// Whether the words hold a masked secret: a star, or another sign twice, or a letter three times. The platform may use
/// any sign (`piiReductionChar`).
fn masks_something(text: &str) -> bool {
    let mut before = None;
    let mut times = 0;
    text.chars().any(|c| {
        times = if before.replace(c) == Some(c) {
            times + 1
        } else {
            1
        };
        match c {
            '*' => true,
            c if c.is_alphabetic() => times == 3,
            c => times == 2 && !c.is_numeric() && !c.is_whitespace(),
        }
    })
}

impl File {
    fn of(attachment: &Value) -> Option<Self> {
        let kind = match attachment["fileType"].as_str().unwrap_or_default() {
            "audio" => FileKind::Audio,
            "image" => FileKind::Image,
            "video" => FileKind::Video,
            _ => FileKind::Document,
        };
        let name = attachment["fileName"].as_str()?.to_owned();
        let url = attachment["fileUrl"].as_str().and_then(safe_link);
        Some(Self { name, url, kind })
    }
}

/// The names in one line.
pub(super) fn names_of(files: &[File]) -> String {
    let mut names = String::new();
    for file in files {
        add(&mut names, ", ", &file.name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Read as _;

    fn said(text: &str, payload: Option<&str>, files: Vec<File>) -> Content {
        Content::Said {
            text: text.to_owned(),
            payload: payload.map(str::to_owned),
            files,
        }
    }

    #[test]
    fn a_choice_keeps_what_was_chosen() {
        let chosen = Content::of_user_body(&UserBody::choice("BAL", "Check balance"));
        assert_eq!(chosen, said("Check balance", Some("BAL"), vec![]));
        let typed = Content::of_user_body(&UserBody::text("Hi"));
        assert_eq!(typed, said("Hi", None, vec![]));
        let same = Content::of_user_body(&UserBody::choice("Yes", "Yes"));
        assert_eq!(same, said("Yes", None, vec![]));
    }

    #[test]
    fn a_masked_secret_is_not_kept() {
        for shown in ["****", "*", "Ann,##########", "•••• 12", "xxxx"] {
            let secret = Content::of_user_body(&UserBody::choice("1234", shown));
            assert_eq!(secret, said(shown, None, vec![]), "{shown}");
        }
    }

    #[test]
    fn what_is_chosen_has_a_longest_length() {
        let long = "x".repeat(MAX_PAYLOAD_BYTES + 1);
        let chosen = Content::of_user_body(&UserBody::choice(long, "All"));
        assert_eq!(chosen, said("All", None, vec![]));
    }

    #[test]
    fn files_have_safe_addresses_and_are_not_words() {
        let attachments = Value::parse(
            r#"[{"fileName":"pic.png","fileType":"image","fileUrl":"https://a.test/pic.png"},
            {"fileName":"b.pdf","fileType":"attachment","fileUrl":"javascript:x"},
            {"fileName":7},{"fileType":"image"},null,"x"]"#,
        );
        let attachments = attachments.and_then(|value| Vec::read(&value));
        let files = vec![
            File {
                name: "pic.png".to_owned(),
                url: Some("https://a.test/pic.png".to_owned()),
                kind: FileKind::Image,
            },
            File {
                name: "b.pdf".to_owned(),
                url: None,
                kind: FileKind::Document,
            },
        ];
        let only_files = UserBody {
            attachments,
            ..UserBody::default()
        };
        let content = Content::of_user_body(&only_files);
        assert_eq!(content, said("", None, files.clone()));
        assert_eq!(content.spoken(), "pic.png, b.pdf");
        assert!(!content.is_empty());
        // As the history has it.
        let named = UserBody {
            body: Some(only_files.shown()),
            ..only_files.clone()
        };
        assert_eq!(Content::of_user_body(&named), content);
        let with_words = UserBody {
            body: Some("Look".to_owned()),
            ..only_files
        };
        assert_eq!(
            Content::of_user_body(&with_words),
            said("Look", None, files)
        );
    }
}
