/*! Parlour loader: puts the launcher on a page and the chat into a frame. Apache-2.0 OR MIT.
  <script async src="https://chat.example/parlour.js" data-bot="demo"></script>
  Attributes, calls and events: docs/embedding.md */
(() => {
  "use strict";
  const doc = document;
  const root = doc.documentElement;
  const script = doc.currentScript || doc.querySelector('script[data-bot][src*="parlour.js"]');
  const given = window.Parlour || {};
  if (!script || given.destroy) return;

  // ---- settings -----------------------------------------------------------------------------------------
  const option = (name) => given[name] ?? script.dataset[name];
  const bot = option("bot");
  if (!bot) {
    console.error('Parlour: say which bot, like data-bot="demo".');
    return;
  }
  const base = new URL(".", script.src);
  const key = `parlour:${bot}`;
  let assertion = given.assertion;
  let theme = option("theme") || "";
  let locale = option("lang") || "";

  // open, close, unread (%), window, dismiss
  const WORDS = {
    en: ["Open chat", "Close chat", "% unread", "Chat", "Dismiss"],
    de: ["Chat öffnen", "Chat schließen", "% ungelesen", "Chat", "Ausblenden"],
    ar: ["فتح المحادثة", "إغلاق المحادثة", "% غير مقروءة", "محادثة", "إخفاء"],
  };
  const language = () => (locale || root.lang || "en").toLowerCase().split("-")[0];
  const word = (n) => (WORDS[language()] || WORDS.en)[n];
  const rtl = () => (locale ? /^(ar|fa|he|ur)/.test(language()) : doc.dir === "rtl");

  const brand = (/^#([\da-f]{3}|[\da-f]{6})$/i.exec(option("brand")) || ["#0B6E4F"])[0];
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

  // ---- what stands in the page ----------------------------------------------------------------------------
  // Important declarations of a shadow root win over any of the page's, important or not; `all` does not cover
  // direction. Nothing here needs a style element, an attribute or an HTML string, so a strict host policy holds.
  const css = `
:host{all:initial!important;position:fixed!important;z-index:${+option("z") || 2147483000}!important;inset:auto!important;
direction:ltr!important;display:block!important;font:15px/22px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif!important}
:host([hidden]){display:none!important}
*{box-sizing:border-box}
[hidden]{display:none!important}
button{all:unset;box-sizing:border-box;cursor:pointer;-webkit-tap-highlight-color:transparent}
button:focus-visible{outline:2px solid transparent;box-shadow:0 0 0 2px #fff,0 0 0 4px #17171a}
.launcher,.window,.preview{position:fixed;right:calc(var(--parlour-x,20px) + env(safe-area-inset-right))}
.left .launcher,.left .window,.left .preview{right:auto;left:calc(var(--parlour-x,20px) + env(safe-area-inset-left))}
.launcher{bottom:calc(var(--parlour-y,20px) + env(safe-area-inset-bottom));width:56px;height:56px;border-radius:50%;
border:1px solid transparent;background:${brand};color:${onBrand()};display:grid;place-items:center;
box-shadow:0 1px 3px #0003,0 6px 20px #0003;animation:in .15s ease-out;transition:transform .15s ease-out}
.launcher:focus-visible{box-shadow:0 0 0 2px #fff,0 0 0 4px #17171a,0 6px 20px #0003}
.launcher:hover{transform:scale(1.04)}
.launcher:active{transform:scale(.97)}
.launcher svg{grid-area:1/1;width:30px;height:30px;fill:none;stroke:currentColor;stroke-width:1.75;stroke-linecap:round;
stroke-linejoin:round;transition:transform .15s ease-out,opacity .15s ease-out}
svg.down,.open svg.bubble{opacity:0;transform:rotate(-30deg) scale(.6)}
.open svg.down{opacity:1;transform:none}
.badge{position:absolute;top:-3px;right:-3px;min-width:20px;height:20px;padding:0 5px;border-radius:10px;border:1px solid transparent;
background:#c4162e;color:#fff;box-shadow:0 0 0 2px #fff;font-size:12px;line-height:18px;font-weight:600;text-align:center;
font-variant-numeric:tabular-nums}
.left .badge{right:auto;left:-3px}
.window{bottom:calc(var(--parlour-y,20px) + 68px + env(safe-area-inset-bottom));width:400px;max-width:calc(100vw - 20px - var(--parlour-x,20px));
height:min(704px,100vh - 84px - var(--parlour-y,20px));height:min(704px,100dvh - 84px - var(--parlour-y,20px));border-radius:20px;overflow:hidden;visibility:hidden;opacity:0;
background:#fff;box-shadow:0 0 0 1px #0000000f,0 2px 6px #0000001a,0 16px 48px #0003;transform:translateY(12px) scale(.97);
transform-origin:100% 100%;transition:transform .15s ease-in,opacity .15s ease-in,visibility 0s .15s}
.left .window{transform-origin:0 100%}
.open .window{visibility:visible;opacity:1;transform:none;transition:transform .2s ease-out,opacity .2s ease-out}
.still .window{transition:none}
iframe{display:block;width:100%;height:100%;border:0}
.preview{bottom:calc(var(--parlour-y,20px) + 68px + env(safe-area-inset-bottom));width:300px;max-width:calc(100vw - 40px);
border-radius:16px;background:#fff;color:#1b1b1e;border:1px solid #0000001a;box-shadow:0 2px 6px #0000001a,0 8px 28px #00000026;
animation:in .2s ease-out}
.preview .say{display:block;width:100%;padding:12px 44px 12px 16px;border-radius:16px}
.preview b{display:block;font-weight:600}
.preview .text{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:2;overflow:hidden;overflow-wrap:anywhere}
.preview .x{position:absolute;top:8px;right:8px;width:32px;height:32px;border-radius:50%;display:grid;place-items:center}
.preview .x:hover{background:#0000000f}
.preview svg{width:16px;height:16px;fill:none;stroke:currentColor;stroke-width:1.75;stroke-linecap:round}
.rtl .preview{direction:rtl}
.rtl .say{padding:12px 16px 12px 44px}
.rtl .x{right:auto;left:8px}
.dark .window,.dark .preview{background:#17171a;color:#f1f0ee}
.dark .preview{border-color:#ffffff1f}
.dark .x:hover{background:#ffffff1f}
@keyframes in{from{opacity:0;transform:scale(.9)}}
@media (max-width:480px),(max-height:500px){
.window,.left .window{inset:0;width:100%;max-width:none;height:100%;height:100dvh;border-radius:0;box-shadow:none}
.open .launcher{top:8px;bottom:auto;width:44px;height:44px}
.open.ready .launcher{visibility:hidden}}
@media (max-height:500px){.preview{display:none}}
@media (forced-colors:active){.window{border:1px solid}}
@media (prefers-reduced-motion:reduce){
.launcher,.launcher svg,.preview{animation:none;transition:none;transform:none!important}
.window,.open .window{transform:none;transition:opacity .1s,visibility .1s}}
@media print{:host{display:none!important}}`;

  const make = (tag, className, parent) => {
    const node = doc.createElement(tag);
    if (className) node.className = className;
    if (parent) parent.append(node);
    if (tag === "button") node.type = "button";
    return node;
  };
  const icon = (className, size, path, parent) => {
    const svg = doc.createElementNS("http://www.w3.org/2000/svg", "svg");
    const line = doc.createElementNS(svg.namespaceURI, "path");
    svg.setAttribute("class", className);
    svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
    svg.setAttribute("aria-hidden", "true");
    line.setAttribute("d", path);
    svg.append(line);
    parent.append(svg);
  };

  const host = make("div");
  host.setAttribute("data-parlour", bot);
  const shadow = host.attachShadow({ mode: "closed" });
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    shadow.adoptedStyleSheets = [sheet];
  } catch {
    make("style", "", shadow).textContent = css; // before Safari 16.4
  }
  const stage = make("div", "", shadow);
  const panel = make("div", "window", stage);
  panel.id = "window";
  panel.setAttribute("role", "dialog");
  const live = make("div", "", stage); // the region is there before its text, or it is not announced
  live.setAttribute("aria-live", "polite");
  const launcher = make("button", "launcher", stage);
  launcher.setAttribute("aria-haspopup", "dialog");
  icon("bubble", 20, "M10 3.5c4.1 0 7 2.6 7 6s-2.9 6-7 6a8.7 8.7 0 0 1-2.3-.3L4 16.5l.7-2.9A5.7 5.7 0 0 1 3 9.5c0-3.4 2.9-6 7-6Z", launcher);
  icon("down", 20, "m5 8 5 5 5-5", launcher);
  const badge = make("span", "badge", launcher);
  badge.setAttribute("aria-hidden", "true");

  // ---- state ----------------------------------------------------------------------------------------------
  const ending = new AbortController(); // destroy() takes every listener away with it
  const listen = (target, type, fn) => target.addEventListener(type, fn, { signal: ending.signal });
  const phone = matchMedia("(max-width:480px),(max-height:500px)");
  const dark = matchMedia("(prefers-color-scheme:dark)");
  let opened = false;
  let still = false; // opened without a movement
  let unread = 0;
  // The frame was told to forget who is signed in, and has not said that it did.
  let parting = false;
  let title = option("title") || "";
  let frame; // the iframe, made at the first open
  let ready = false; // the frame listens
  const waiting = []; // messages for it until then
  let goBack; // the element that gets the focus when the window closes
  let unlock; // undoes what a phone's full screen did to the page
  let leaving = 0; // history steps that we took ourselves

  const draw = () => {
    const isDark = theme === "dark" || (theme !== "light" && dark.matches);
    const right = rtl();
    const side = option("side") || "end";
    const left = side === "left" || side === (right ? "end" : "start");
    const is = { open: opened, ready, still, left, rtl: right, dark: isDark };
    for (const name in is) stage.classList.toggle(name, is[name]);
    stage.lang = language();
    const name = word(opened ? 1 : 0);
    launcher.setAttribute("aria-label", unread && !opened ? `${name}, ${word(2).replace("%", unread)}` : name);
    launcher.setAttribute("aria-expanded", opened);
    if (opened) launcher.setAttribute("aria-controls", "window");
    else launcher.removeAttribute("aria-controls");
    badge.hidden = !unread || opened;
    badge.textContent = unread > 9 ? "9+" : unread;
    panel.setAttribute("aria-label", title || word(3));
    panel.setAttribute("aria-modal", phone.matches);
    if (frame) frame.title = title || word(3);
  };

  // The tab remembers whether the window was open; a page without storage forgets.
  const remember = (state) => {
    try { sessionStorage.setItem(key, state); } catch { /* refused */ }
  };
  const remembered = () => {
    try { return sessionStorage.getItem(key); } catch { return null; }
  };

  // ---- the frame --------------------------------------------------------------------------------------------
  const post = (message) => {
    if (ready) frame.contentWindow.postMessage({ parlour: 1, ...message }, base.origin);
    else waiting.push(message);
  };

  const tell = (focus = false) => post({ type: opened ? "shown" : "hidden", focus });

  const load = (focus, fresh) => {
    if (frame) return;
    const url = new URL(`embed/${encodeURIComponent(bot)}`, base);
    const query = { origin: location.origin, app: option("app"), lang: locale, theme, brand: option("brand") && brand, identity: assertion && "host", fresh };
    for (const name in query) if (query[name]) url.searchParams.set(name, query[name]);
    // The composer then takes the focus as soon as it is parsed: a focus() from here would go to an empty document.
    if (focus) url.hash = "focus";
    frame = make("iframe");
    frame.title = title || word(3);
    frame.allow = "clipboard-write";
    frame.referrerPolicy = "strict-origin";
    frame.src = url;
    panel.append(frame);
  };
  const unload = () => {
    if (frame) frame.remove();
    frame = undefined;
    ready = false;
    draw();
  };
  // Another identity or language: the frame starts anew, and open stays open. `fresh`: it keeps nothing of the last one.
  const reload = (fresh) => {
    if (!frame) return;
    unload();
    load(false, fresh);
  };

  const answer = async (id) => {
    const asked = frame;
    let jwt;
    try { const given = await assertion(); jwt = given && `${given}`; } catch { /* the frame shows it, and offers to try again */ }
    // Not for a frame that has come since: it may be another person's.
    if (frame !== asked) return;
    post({ type: "assertion", id, jwt: typeof jwt === "string" ? jwt : null });
    if (!jwt) emit("error", { code: "assertion" });
  };

  // What the frame may say. Anything else, or from anywhere else, is dropped.
  const heard = {
    ready({ name }) {
      ready = true;
      unread = 0;
      dismiss();
      tell(shadow.activeElement === frame);
      if (!title && typeof name === "string") title = name.slice(0, 80);
      for (const message of waiting.splice(0)) post(message);
      draw();
    },
    close: () => close(),
    unread({ count, text, name }) {
      if (!Number.isInteger(count) || count < 0) return;
      if (count !== unread) emit("unread", { count });
      unread = count;
      if (!opened && count && typeof text === "string" && option("preview") !== "off") preview(text, name);
      draw();
    },
    sent: ({ id }) => emit("message:sent", { id: String(id) }),
    received: ({ id }) => emit("message:received", { id: String(id) }),
    assertion: ({ id }) => assertion && answer(id),
    expired: () => emit("auth:expired", {}),
    error: ({ code, form }) => emit("error", { code: String(code), form: String(form) }),
    forgotten() {
      parting = false;
      reload();
    },
  };
  listen(window, "message", ({ source, origin, data }) => {
    if (!frame || source !== frame.contentWindow || origin !== base.origin) return;
    if (data && data.parlour === 1 && Object.hasOwn(heard, data.type)) heard[data.type](data);
  });

  // ---- a new message while closed ---------------------------------------------------------------------------
  let timer;
  const dismiss = () => {
    clearTimeout(timer);
    live.replaceChildren();
  };
  const preview = (text, name) => {
    const focused = live.contains(shadow.activeElement);
    dismiss();
    const card = make("div", "preview", live);
    const say = make("button", "say", card);
    if (typeof name === "string") make("b", "", say).textContent = name;
    make("span", "text", say).textContent = text.slice(0, 200);
    const x = make("button", "x", card);
    x.setAttribute("aria-label", word(4));
    icon("", 16, "m4 4 8 8m0-8-8 8", x);
    say.onclick = () => open(true);
    x.onclick = () => { dismiss(); launcher.focus(); };
    const wait = () => {
      clearTimeout(timer);
      timer = setTimeout(() => (card.matches(":hover,:focus-within") ? wait() : dismiss()), 10_000);
    };
    wait();
    if (focused) say.focus();
  };

  // ---- a phone's full screen --------------------------------------------------------------------------------
  // The page behind neither scrolls nor takes focus, the back button closes the window, and the window is as high
  // as the keyboard leaves it. Who magnifies sees a part of it as it is.
  const fit = () => {
    const view = window.visualViewport;
    const on = opened && phone.matches && view && view.scale < 1.05;
    panel.style.height = on ? `${view.height}px` : "";
    panel.style.top = on ? `${view.offsetTop}px` : "";
  };
  const lock = () => {
    const { body } = doc;
    const { style } = root;
    const was = [style.getPropertyValue("overflow"), style.getPropertyPriority("overflow"), scrollX, scrollY, body.inert];
    style.setProperty("overflow", "hidden", "important");
    body.inert = true;
    return () => {
      style.setProperty("overflow", was[0], was[1]);
      body.inert = was[4];
      scrollTo({ left: was[2], top: was[3], behavior: "instant" });
    };
  };
  const settle = () => {
    const full = opened && phone.matches;
    if (full && !unlock) {
      unlock = lock();
      if (!history.state?.parlour) history.pushState({ ...history.state, parlour: 1 }, "");
    } else if (!full && unlock) {
      unlock();
      unlock = undefined;
      if (history.state?.parlour) {
        leaving++;
        history.back();
      }
    }
    fit();
    draw();
  };

  // ---- open and close ---------------------------------------------------------------------------------------
  const open = (focus) => {
    if (opened) return;
    opened = true;
    const { activeElement } = doc;
    goBack = activeElement && activeElement !== doc.body && activeElement !== host ? activeElement : launcher;
    load(focus);
    dismiss();
    remember("open");
    settle();
    // The window must be visible before it can take the focus: the style is brought up to date here.
    if (focus && getComputedStyle(panel).visibility) frame.focus();
    if (ready) tell(focus);
    emit("open", {});
  };
  const close = () => {
    if (!opened) return;
    const inside = doc.activeElement === host;
    opened = still = false;
    remember("closed");
    settle();
    if (ready) tell();
    if (inside) (goBack.isConnected && !host.hidden ? goBack : launcher).focus({ preventScroll: true });
    emit("close", {});
  };
  // A call inside a click or key is the visitor's own wish; any other call leaves the focus where it is.
  const wished = () => !!navigator.userActivation?.isActive;

  listen(launcher, "click", () => (opened ? close() : open(true)));
  listen(shadow, "keydown", (event) => event.key === "Escape" && (opened ? close() : live.firstChild && (dismiss(), launcher.focus())));
  // The first sign of interest warms the connection.
  const warm = () => {
    if (frame || warm.done) return;
    warm.done = true;
    const link = make("link");
    link.rel = "preconnect";
    link.href = base.origin;
    doc.head.append(link);
    listen(ending.signal, "abort", () => link.remove());
  };
  for (const type of ["pointerenter", "focus", "touchstart"]) launcher.addEventListener(type, warm, { passive: true, signal: ending.signal });
  listen(phone, "change", settle);
  listen(dark, "change", draw);
  if (window.visualViewport) for (const type of ["resize", "scroll"]) listen(window.visualViewport, type, fit);
  listen(window, "popstate", () => {
    if (leaving) leaving--;
    else if (unlock && !history.state?.parlour) close();
  });

  // ---- the API ----------------------------------------------------------------------------------------------
  const api = {
    open: () => open(wished()),
    close,
    toggle: () => (opened ? close() : open(wished())),
    show() { host.hidden = false; },
    hide() { close(); host.hidden = true; },
    setLocale(tag) {
      locale = String(tag);
      reload();
      draw();
    },
    setTheme(name) {
      theme = ["light", "dark"].includes(name) ? name : "auto";
      if (frame) post({ type: "theme", theme });
      draw();
    },
    prefill(text) { post({ type: "prefill", text: String(text) }); },
    send(text) { load(); post({ type: "send", text: String(text) }); },
    setAssertion(fn) {
      if (fn === assertion) return;
      assertion = typeof fn === "function" ? fn : undefined;
      if (!parting) reload(1); // else when the frame has forgotten who was signed in
    },
    logout() {
      assertion = undefined;
      unread = 0;
      dismiss();
      load();
      parting = true;
      post({ type: "logout" }); // it forgets the visitor, says so, and is loaded anew
      draw();
    },
    on(name, fn) {
      (listeners[name] ||= new Set()).add(fn);
      if (name === "ready" && placed) emit("ready", {});
      return () => api.off(name, fn);
    },
    off(name, fn) { listeners[name]?.delete(fn); },
    destroy() {
      close();
      dismiss();
      unload();
      host.remove();
      ending.abort();
      if (window.Parlour === api) delete window.Parlour;
    },
    q: { push: (...calls) => calls.forEach(run) },
  };
  const run = (call) => (typeof call === "function" ? call(api) : api[call[0]]?.(...call.slice(1)));

  // ---- and begin --------------------------------------------------------------------------------------------
  let placed = false;
  const place = () => {
    if (ending.signal.aborted) return;
    draw();
    // Beside the body, not in it: a transformed, inert or replaced body does not touch the widget.
    root.append(host);
    placed = true;
    const before = remembered();
    if (!phone.matches && (before === "open" || (before === null && option("open") === "true"))) {
      still = true;
      open(false);
    }
    emit("ready", {});
  };
  window.Parlour = api;
  if (doc.readyState === "loading") listen(doc, "DOMContentLoaded", place);
  else place();
  for (const call of given.q || []) run(call);
})();
