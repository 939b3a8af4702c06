// The loader's own words. What stands in the frame is the server's (`app/src/text`).

const WORDS = {
  en: {
    open: "Open chat",
    close: "Close chat",
    unread: "% unread",
    chat: "Chat",
    dismiss: "Dismiss",
    message: "Message",
    placeholder: "Write a message…",
    send: "Send message",
    unreachable: "The chat can’t be reached. What you write is kept.",
    again: "Try again",
    connecting: "Connecting…",
  },
  de: {
    open: "Chat öffnen",
    close: "Chat schließen",
    unread: "% ungelesen",
    chat: "Chat",
    dismiss: "Ausblenden",
    message: "Nachricht",
    placeholder: "Nachricht schreiben …",
    send: "Nachricht senden",
    unreachable: "Der Chat ist nicht erreichbar. Was Sie schreiben, bleibt erhalten.",
    again: "Nochmals versuchen",
    connecting: "Wird verbunden …",
  },
  ar: {
    open: "فتح المحادثة",
    close: "إغلاق المحادثة",
    unread: "% غير مقروءة",
    chat: "محادثة",
    dismiss: "إخفاء",
    message: "الرسالة",
    placeholder: "اكتب رسالة…",
    send: "إرسال الرسالة",
    unreachable: "تعذّر الوصول إلى المحادثة. سيبقى ما تكتبه محفوظًا.",
    again: "حاول مرة أخرى",
    connecting: "جارٍ الاتصال…",
  },
};

export type Language = keyof typeof WORDS;
export type Word = keyof (typeof WORDS)["en"];

export const word = (language: Language, name: Word): string => WORDS[language][name];

/** The language of a tag like `de-CH`, if the loader speaks it. */
export function spoken(tag: unknown): Language | undefined {
  const [name = ""] = String(tag).toLowerCase().split("-");
  return Object.hasOwn(WORDS, name) ? (name as Language) : undefined;
}
