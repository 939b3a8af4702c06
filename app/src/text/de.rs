//! Deutsch.

use super::{Count, Message};
use crate::pages::Problem;

pub(super) fn message(message: Message) -> &'static str {
    match message {
        Message::AgentLeft => "{agent} ist gegangen. {name} antwortet wieder.",
        Message::AgentSaid => "{agent} schreibt:",
        Message::AgentTyping => "{agent} schreibt gerade",
        Message::BotSaid => "{name} schreibt:",
        Message::NewTab => "(öffnet einen neuen Tab)",
        Message::Beginning => "Hier beginnt das Gespräch",
        Message::Chosen => "(gewählt)",
        Message::Close => "Chat schließen",
        Message::Code => "Code",
        Message::Conversation => "Gespräch",
        Message::ConversationWith => "Gespräch mit {name}",
        Message::Copy => "Kopieren",
        Message::Copied => "Kopiert",
        Message::Delete => "Löschen",
        Message::Delivered => "Zugestellt",
        Message::Download => "Gespräch herunterladen",
        Message::DayFull => {
            "Das war viel für einen Tag. Ihre Nachricht bleibt hier: Bitte senden Sie sie morgen noch einmal."
        }
        Message::Ended => "Dieses Gespräch wurde beendet. Schreiben Sie, um fortzufahren.",
        Message::Full => "Zu viele Nachrichten warten noch. Ihr Text bleibt hier stehen.",
        Message::Greeting => "Hallo, ich bin {name}",
        Message::JustNow => "Gerade eben",
        Message::Loading => "Das Gespräch wird geladen",
        Message::LoadingAll => "Das ganze Gespräch wird geladen …",
        Message::Menu => "Weitere Optionen",
        Message::MessageLabel => "Nachricht",
        Message::NewConversation => "Neues Gespräch",
        Message::NewMessages => "Neue Nachrichten",
        Message::NoConnection => {
            "Keine Verbindung. Nachrichten werden gesendet, sobald Sie wieder online sind."
        }
        Message::NotCopied => {
            "Das ließ sich nicht kopieren. Es ist ausgewählt: Bitte kopieren Sie es selbst."
        }
        Message::NotKept => {
            "Dieser Browser speichert nichts: Ungesendetes geht beim Neuladen verloren."
        }
        Message::NotLoaded => {
            "Das Gespräch konnte nicht geladen werden. Bitte versuchen Sie es noch einmal."
        }
        Message::NotSent => "Nicht gesendet",
        Message::NotWhole => "Hier fehlen frühere Nachrichten.",
        Message::Offline => "Offline",
        Message::Older => "Frühere Nachrichten",
        Message::Picture => "Bild",
        Message::Placeholder => "Nachricht schreiben …",
        Message::Print => "Drucken",
        Message::Privacy => {
            "Nachrichten werden gespeichert, damit Ihr Gespräch später weitergehen kann."
        }
        Message::Reconnecting => "Verbindung wird wiederhergestellt …",
        Message::Refused => "Der Chat konnte für Sie nicht geöffnet werden.",
        Message::RepliesAtOnce => "Antwortet sofort",
        Message::Retry => "Nochmals senden",
        Message::RetryNow => "Jetzt verbinden",
        Message::SavedAt => "Gespeichert:",
        Message::Seen => "Gelesen",
        Message::Send => "Nachricht senden",
        Message::Sending => "Wird gesendet …",
        Message::Sent => "Gesendet",
        Message::Stop => "Antwort anhalten",
        Message::Stopped => "Angehalten",
        Message::Suggestions => "Vorschläge",
        Message::Table => "Tabelle",
        Message::Tagline => "Fragen Sie mich. Ich bin Tag und Nacht da.",
        Message::Template => "Als Text gezeigt:",
        Message::More => "Mehr zeigen",
        Message::Next => "Weiter",
        Message::NotShown => "Das ließ sich nicht anzeigen.",
        Message::Previous => "Zurück",
        Message::TimeZone => "Zeitzone:",
        Message::Today => "Heute",
        Message::ToLatest => "Zur neuesten Nachricht",
        Message::ToComposer => "Zum Nachrichtenfeld springen",
        Message::TryAgain => "Nochmals versuchen",
        Message::Typing => "{name} schreibt gerade",
        Message::Unavailable => "Nicht erreichbar",
        Message::WithAgent => "Sie sind mit {agent} verbunden",
        Message::Yesterday => "Gestern",
        Message::You => "Sie",
        Message::YouSaid => "Sie schreiben:",
    }
}

pub(super) fn count(count: Count) -> &'static [&'static str] {
    match count {
        Count::CharactersLeft => &["Noch {n} Zeichen", "Noch {n} Zeichen"],
        Count::CharactersOver => &["{n} Zeichen zu viel", "{n} Zeichen zu viel"],
        Count::Minutes => &["vor {n} Min.", "vor {n} Min."],
        Count::NewMessages => &["{n} neue Nachricht", "{n} neue Nachrichten"],
    }
}

pub(super) const APOLOGY: &str =
    "Das konnte ich leider nicht beantworten. Bitte versuchen Sie es gleich noch einmal.";
pub(super) const TOO_FAST: &str =
    "Das war viel auf einmal. Bitte warten Sie eine Minute und fragen Sie dann noch einmal.";
pub(super) const DAY_IS_OVER: &str =
    "Das war alles, was dieser Chat heute beantworten kann. Bitte kommen Sie morgen wieder.";

pub(super) fn problem(problem: Problem) -> [&'static str; 3] {
    match problem {
        Problem::UnknownBot => [
            "Niemand mit diesem Namen",
            "Unter dieser Adresse gibt es keinen Assistenten. Vielleicht ist er umgezogen, oder die Adresse hat einen Tippfehler.",
            "Zur Startseite",
        ],
        Problem::UnknownPage => [
            "Hier ist nichts",
            "Unter dieser Adresse gibt es keine Seite.",
            "Zur Startseite",
        ],
        Problem::NotAllowed => [
            "Auf dieser Website nicht verfügbar",
            "Dieser Chat ist für andere Websites eingerichtet. Wenn diese Ihnen gehört, tragen Sie ihre Adresse bei der App ein.",
            "Zur Startseite",
        ],
        Problem::SignedInOnly => [
            "Bitte über die Website",
            "Dieser Assistent ist für angemeldete Personen da. Melden Sie sich auf seiner Website an und öffnen Sie den Chat dort.",
            "Zur Startseite",
        ],
        Problem::Server => [
            "Etwas ist schiefgegangen",
            "Das war unser Fehler, nicht Ihrer. Bitte versuchen Sie es gleich noch einmal.",
            "Nochmals versuchen",
        ],
        Problem::TooMany => [
            "Einen Moment, bitte",
            "Aus Ihrem Netz kamen sehr viele Anfragen auf einmal. Bitte versuchen Sie es in einer Minute noch einmal.",
            "Nochmals versuchen",
        ],
        Problem::DayFull => [
            "Das war viel für einen Tag",
            "Ihre letzte Nachricht wurde nicht angenommen: Mehr fasst ein Tag nicht. Bitte schreiben Sie morgen weiter.",
            "Zurück zum Gespräch",
        ],
    }
}
