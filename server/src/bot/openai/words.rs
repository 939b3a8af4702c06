//! The few things that are said to a visitor around tools, in the visitor's language.

use app::text::Language;

/// Words of one language.
#[derive(Clone, Copy)]
pub(super) struct Words(Language);

impl Words {
    /// Of a tag such as `de-AT`; English for languages that we do not speak.
    pub(super) fn of(tag: Option<&str>) -> Self {
        Self(Language::for_tag(tag))
    }

    /// While a tool runs.
    pub(super) fn looking_up(self, title: &str) -> String {
        match self.0 {
            Language::English => format!("Looking up: {title} …"),
            Language::German => format!("Schlägt nach: {title} …"),
            Language::Arabic => format!("جارٍ البحث: {title} …"),
        }
    }

    /// Before a tool runs that changes something.
    pub(super) fn may_i(self, call: &str) -> String {
        match self.0 {
            Language::English => format!("May I do this for you? {call}"),
            Language::German => format!("Soll ich das für Sie tun? {call}"),
            Language::Arabic => format!("هل تسمح لي بتنفيذ هذا؟ {call}"),
        }
    }

    /// The buttons below that.
    pub(super) fn yes_and_no(self) -> (&'static str, &'static str) {
        match self.0 {
            Language::English => ("Yes, do it", "No"),
            Language::German => ("Ja, bitte", "Nein"),
            Language::Arabic => ("نعم", "لا"),
        }
    }

    /// Stays in the transcript when such a tool has run.
    pub(super) fn done(self, call: &str) -> String {
        match self.0 {
            Language::English => format!("Done: {call}"),
            Language::German => format!("Erledigt: {call}"),
            Language::Arabic => format!("تم: {call}"),
        }
    }

    /// The same when it did not work.
    pub(super) fn not_done(self, call: &str) -> String {
        match self.0 {
            Language::English => format!("That did not work: {call}"),
            Language::German => format!("Das ging nicht: {call}"),
            Language::Arabic => format!("لم ينجح ذلك: {call}"),
        }
    }
}
