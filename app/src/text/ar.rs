//! العربية. Six plural forms, from right to left.

use super::{Count, Message};
use crate::pages::Problem;

pub(super) fn message(message: Message) -> &'static str {
    match message {
        Message::AgentLeft => "غادر {agent} المحادثة. {name} يجيب من جديد.",
        Message::AgentSaid => "قال {agent}:",
        Message::AgentTyping => "{agent} يكتب الآن",
        Message::BotSaid => "قال {name}:",
        Message::NewTab => "(يُفتح في علامة تبويب جديدة)",
        Message::Beginning => "هنا تبدأ المحادثة",
        Message::Chosen => "(تم اختياره)",
        Message::Close => "إغلاق المحادثة",
        Message::Code => "رمز برمجي",
        Message::Conversation => "المحادثة",
        Message::ConversationWith => "محادثة مع {name}",
        Message::Copy => "نسخ",
        Message::Copied => "تم النسخ",
        Message::Delete => "حذف",
        Message::Delivered => "تم التسليم",
        Message::Download => "تنزيل المحادثة",
        Message::DayFull => "كان هذا كثيرًا ليوم واحد. تبقى رسالتك هنا: أرسلها من جديد غدًا.",
        Message::Ended => "انتهت هذه المحادثة. اكتب رسالة للمتابعة.",
        Message::Full => "رسائل كثيرة تنتظر الإرسال. يبقى نصك هنا.",
        Message::Greeting => "مرحبًا، أنا {name}",
        Message::JustNow => "الآن",
        Message::Loading => "جارٍ تحميل المحادثة",
        Message::LoadingAll => "جارٍ تحميل المحادثة كاملة…",
        Message::Menu => "خيارات أخرى",
        Message::MessageLabel => "الرسالة",
        Message::NewConversation => "محادثة جديدة",
        Message::NewMessages => "رسائل جديدة",
        Message::NoConnection => "لا يوجد اتصال. ستُرسل الرسائل عند عودة الاتصال.",
        Message::NotCopied => "تعذّر النسخ. النص محدد الآن: انسخه بنفسك.",
        Message::NotKept => "لا يحفظ هذا المتصفح شيئًا: تضيع الرسائل غير المرسلة عند إعادة التحميل.",
        Message::NotLoaded => "تعذّر تحميل المحادثة. حاول مرة أخرى.",
        Message::NotSent => "لم تُرسل",
        Message::NotWhole => "تنقص هنا رسائل سابقة.",
        Message::Offline => "غير متصل",
        Message::Older => "رسائل سابقة",
        Message::Picture => "صورة",
        Message::Placeholder => "اكتب رسالة…",
        Message::Print => "طباعة",
        Message::Privacy => "تُحفظ الرسائل حتى تتمكن من متابعة محادثتك لاحقًا.",
        Message::Reconnecting => "جارٍ إعادة الاتصال…",
        Message::Refused => "تعذّر فتح المحادثة لك.",
        Message::RepliesAtOnce => "يرد على الفور",
        Message::Retry => "إعادة الإرسال",
        Message::RetryNow => "إعادة المحاولة الآن",
        Message::SavedAt => "حُفظت في:",
        Message::Seen => "مقروءة",
        Message::Send => "إرسال الرسالة",
        Message::Sending => "جارٍ الإرسال…",
        Message::Sent => "أُرسلت",
        Message::Stop => "إيقاف الرد",
        Message::Stopped => "تم الإيقاف",
        Message::Suggestions => "اقتراحات",
        Message::Table => "جدول",
        Message::Tagline => "اسألني عمّا تريد. أنا هنا ليلًا ونهارًا.",
        Message::Template => "معروض كنص:",
        Message::More => "عرض المزيد",
        Message::Next => "التالي",
        Message::NotShown => "تعذّر عرض هذا.",
        Message::Previous => "السابق",
        Message::TimeZone => "المنطقة الزمنية:",
        Message::Today => "اليوم",
        Message::ToLatest => "إلى أحدث رسالة",
        Message::ToComposer => "الانتقال إلى حقل الرسالة",
        Message::TryAgain => "حاول مرة أخرى",
        Message::Typing => "{name} يكتب الآن",
        Message::Unavailable => "غير متاح",
        Message::WithAgent => "أنت على اتصال مع {agent}",
        Message::Yesterday => "أمس",
        Message::You => "أنت",
        Message::YouSaid => "قلت:",
    }
}

pub(super) fn count(count: Count) -> &'static [&'static str] {
    match count {
        Count::CharactersLeft => &[
            "لم يبقَ أي حرف",
            "بقي حرف واحد",
            "بقي حرفان",
            "بقيت {n} أحرف",
            "بقي {n} حرفًا",
            "بقي {n} حرف",
        ],
        Count::CharactersOver => &[
            "لا زيادة",
            "حرف واحد زائد",
            "حرفان زائدان",
            "{n} أحرف زائدة",
            "{n} حرفًا زائدًا",
            "{n} حرف زائد",
        ],
        Count::Minutes => &[
            "الآن",
            "قبل دقيقة",
            "قبل دقيقتين",
            "قبل {n} دقائق",
            "قبل {n} دقيقة",
            "قبل {n} دقيقة",
        ],
        Count::NewMessages => &[
            "لا رسائل جديدة",
            "رسالة جديدة واحدة",
            "رسالتان جديدتان",
            "{n} رسائل جديدة",
            "{n} رسالة جديدة",
            "{n} رسالة جديدة",
        ],
    }
}

pub(super) const APOLOGY: &str =
    "عذرًا، لم أتمكن من الإجابة عن ذلك. يُرجى المحاولة مرة أخرى بعد قليل.";
pub(super) const TOO_FAST: &str = "هذا كثير دفعة واحدة. انتظر دقيقة ثم اسأل من جديد من فضلك.";
pub(super) const DAY_IS_OVER: &str =
    "هذا كل ما تستطيع هذه المحادثة الإجابة عنه اليوم. عد غدًا من فضلك.";

pub(super) fn problem(problem: Problem) -> [&'static str; 3] {
    match problem {
        Problem::UnknownBot => [
            "لا أحد بهذا الاسم",
            "لا يوجد مساعد على هذا العنوان. ربما انتقل، أو في العنوان خطأ.",
            "إلى صفحة البداية",
        ],
        Problem::UnknownPage => [
            "لا شيء هنا",
            "لا توجد صفحة على هذا العنوان.",
            "إلى صفحة البداية",
        ],
        Problem::NotAllowed => [
            "غير متاح على هذا الموقع",
            "هذه المحادثة مُعدّة لمواقع أخرى. إن كان هذا الموقع لك فأضف عنوانه إلى التطبيق.",
            "إلى صفحة البداية",
        ],
        Problem::SignedInOnly => [
            "تفضّل من خلال الموقع",
            "هذا المساعد مخصّص لمن سجّلوا الدخول. سجّل الدخول في موقعه وافتح المحادثة هناك.",
            "إلى صفحة البداية",
        ],
        Problem::Server => [
            "حدث خطأ ما",
            "كان الخطأ منا لا منك. حاول مرة أخرى بعد قليل.",
            "حاول مرة أخرى",
        ],
        Problem::TooMany => [
            "لحظة من فضلك",
            "جاءت من شبكتك طلبات كثيرة جدًا دفعة واحدة. حاول مرة أخرى بعد دقيقة.",
            "حاول مرة أخرى",
        ],
        Problem::DayFull => [
            "كان هذا كثيرًا ليوم واحد",
            "لم تُقبل رسالتك الأخيرة: لقد أرسلت قدر ما يتسع له يوم واحد. واصل غدًا من فضلك.",
            "العودة إلى المحادثة",
        ],
    }
}
