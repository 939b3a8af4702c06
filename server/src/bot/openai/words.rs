//! The sentences for a visitor about tools, in the visitor's language.

use app::text::Language;

/// The sentences of one language.
#[derive(Clone, Copy)]
pub(super) struct Words(Language);

impl Words {
    /// For a tag such as `de-AT`. English if we do not speak the language.
    pub(super) fn of(tag: Option<&str>) -> Self {
        Self(Language::for_tag(tag))
    }

    /// Shown while a tool runs.
    pub(super) fn looking_up(self, title: &str) -> String {
        match self.0 {
            Language::English => format!("Looking up: {title} …"),
            Language::German => format!("Schlägt nach: {title} …"),
            Language::Arabic => format!("جارٍ البحث: {title} …"),
        }
    }

    /// The question before a tool that changes something.
    pub(super) fn may_i(self, call: &str) -> String {
        match self.0 {
            Language::English => format!("May I do this for you? {call}"),
            Language::German => format!("Soll ich das für Sie tun? {call}"),
            Language::Arabic => format!("هل تسمح لي بتنفيذ هذا؟ {call}"),
        }
    }

    /// The labels of its buttons.
    pub(super) fn yes_and_no(self) -> (&'static str, &'static str) {
        match self.0 {
            Language::English => ("Yes, do it", "No"),
            Language::German => ("Ja, bitte", "Nein"),
            Language::Arabic => ("نعم", "لا"),
        }
    }

    /// Stays in the transcript after such a tool has run.
    pub(super) fn done(self, call: &str) -> String {
        match self.0 {
            Language::English => format!("Done: {call}"),
            Language::German => format!("Erledigt: {call}"),
            Language::Arabic => format!("تم: {call}"),
        }
    }

    /// Stays in the transcript after such a tool has failed.
    pub(super) fn not_done(self, call: &str) -> String {
        match self.0 {
            Language::English => format!("That did not work: {call}"),
            Language::German => format!("Das ging nicht: {call}"),
            Language::Arabic => format!("لم ينجح ذلك: {call}"),
        }
    }
}
