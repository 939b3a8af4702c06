/*! Parlour loader: puts the launcher on a page and the chat into a frame. Apache-2.0 OR MIT.
  <script async src="https://chat.example/parlour.js" data-bot="demo"></script>
  Attributes, calls and events: docs/embedding.md */
(() => {
  "use strict";
  // In parts, joined by the build (xtask/src/site.rs) into the one function that this begins:
  // 1-page what it reads of the host page, 2-look what stands there, 3-frame the chat in its frame, 4-outline what stands in for
  // it, 5-window open and close, 6-api what the host page calls.

  // ---- the page -------------------------------------------------------------------------------------------
  // Names in a page's markup stand before those of its document (<img name=currentScript>), and make globals
  // (<form id=Parlour>). So the document is asked by its prototype's own functions, and only a script's settings count.
  const doc = document;
  const of = (name) => Object.getOwnPropertyDescriptor(Document.prototype, name).get.call(doc);
  const by = (name, ...given) => Document.prototype[name].apply(doc, given);
  const root = () => of("documentElement");
  const isScript = (node) => node instanceof HTMLScriptElement;
  const isPlain = (value) => {
    const kind = value instanceof Object && Object.getPrototypeOf(value);
    return kind && Object.getPrototypeOf(kind) === null;
  };
  const current = of("currentScript");
  const script = isScript(current) ? current : [...by("querySelectorAll", 'script[data-bot][src*="parlour.js"]')].find(isScript);
  const global = Object.getOwnPropertyDescriptor(window, "Parlour")?.value;
  const given = isPlain(global) ? global : {};
  if (!script || given.destroy) return;

  // ---- settings -----------------------------------------------------------------------------------------
  const option = (name) => given[name] ?? script.dataset[name];
  const bot = option("bot");
  const fault =
    (!bot && 'say which bot, like data-bot="demo".') ||
    (self.origin === "null" && "a page without an origin (a sandboxed frame, a file) cannot hold the chat.");
  if (fault) {
    console.error(`Parlour: ${fault}`);
    return;
  }
  const base = new URL(".", script.src);
  const key = `parlour:${bot}`;
  let assertion = given.assertion;
  let theme = option("theme") || "";
  let locale = option("lang") || "";

  // open, close, unread (%), window, dismiss, message, placeholder, send, out of reach, again, trying
  const WORDS = {
    en: ["Open chat", "Close chat", "% unread", "Chat", "Dismiss", "Message", "Write a message…", "Send message",
      "The chat can’t be reached. What you write is kept.", "Try again", "Connecting…"],
    de: ["Chat öffnen", "Chat schließen", "% ungelesen", "Chat", "Ausblenden", "Nachricht", "Nachricht schreiben …", "Nachricht senden",
      "Der Chat ist nicht erreichbar. Was Sie schreiben, bleibt erhalten.", "Nochmals versuchen", "Wird verbunden …"],
    ar: ["فتح المحادثة", "إغلاق المحادثة", "% غير مقروءة", "محادثة", "إخفاء", "الرسالة", "اكتب رسالة…", "إرسال الرسالة",
      "تعذّر الوصول إلى المحادثة. سيبقى ما تكتبه محفوظًا.", "حاول مرة أخرى", "جارٍ الاتصال…"],
  };
  // The tab remembers whether the window was open, and how the bot looks; a page without storage forgets.
  const remember = (name, value) => {
    try { sessionStorage.setItem(key + name, value); } catch {}
  };
  const remembered = (name) => {
    try { return sessionStorage.getItem(key + name); } catch { return null; }
  };

  // One language for launcher and window: the page's wish, else the visitor's; the window answers with what the bot speaks.
  const spoken = (tag) => [String(tag).toLowerCase().split("-")[0]].find((name) => Object.hasOwn(WORDS, name));
  const wish = () => [...(locale === "auto" ? [] : [locale, root().lang]), ...navigator.languages].map(spoken).find(Boolean) || "en";
  // The wish, the answer, the bot's colour.
  const look = (remembered(":look") || "").split(" ");
  const speak = () => {
    const wanted = wish();
    return (look[0] === wanted && spoken(look[1])) || wanted;
  };
  let language = speak();
  const word = (n) => WORDS[language][n];
  const pageRtl = () => (locale ? /^(ar|fa|he|ur)/.test(locale) : of("dir") === "rtl");

  const colour = (text) => /^#([\da-f]{3}|[\da-f]{6})$/i.exec(text)?.[0];
  let brand = colour(option("brand")) || colour(look[2]) || "#0B6E4F";
  // Black or white on the brand colour, whichever has the better contrast (WCAG relative luminance).
  const onBrand = () => {
    const hex = brand.length > 4 ? brand : brand.replace(/[^#]/g, "$&$&");
    const [r, g, b] = [1, 3, 5]
      .map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
      .map((v) => (v > 0.04045 ? ((v + 0.055) / 1.055) ** 2.4 : v / 12.92));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
  };

  // ---- events -------------------------------------------------------------------------------------------
  const listeners = {};
  const emit = (name, detail) => {
    for (const fn of [...(listeners[name] || [])]) {
      // A host's broken listener is the host's error, and must not stop ours.
      try { fn(detail); } catch (error) { setTimeout(() => { throw error; }); }
    }
  };
