  // ---- state ----------------------------------------------------------------------------------------------
  // Destroy() takes every listener away with it.
  const ending = new AbortController();
  const listen = (target, type, fn, more) =>
    EventTarget.prototype.addEventListener.call(target, type, fn, { signal: ending.signal, ...more });
  const phone = matchMedia("(max-width:480px),(max-height:500px)");
  const dark = matchMedia("(prefers-color-scheme:dark)");
  let opened = false;
  // Opened without a movement.
  let still = false;
  let unread = 0;
  // The frame was told to forget who is signed in, and has not said that it did.
  let parting = false;
  let title = option("title") || "";
  const quiet = option("preview") === "off";
  // The iframe, made at the first open.
  let frame;
  // Its page has come, and not an error page in its place.
  let greeted = false;
  // And has what was written in the outline.
  let there = false;
  // That page says why there is no chat here.
  let refused = false;
  // It listens.
  let ready = false;
  // Messages for it until then.
  const waiting = [];
  // The element that gets the focus when the window closes.
  let goBack;
  // Undoes what a phone's full screen did to the page.
  let unlock;
  // History steps that we took ourselves.
  let leaving = 0;

  const draw = () => {
    const isDark = theme === "dark" || (theme !== "light" && dark.matches);
    const side = option("side") || "end";
    const left = side === "left" || side === (pageRtl() ? "end" : "start");
    const is = { open: opened, greeted, there, refused, still, left, rtl: language === "ar", dark: isDark };
    for (const name in is) stage.classList.toggle(name, is[name]);
    stage.lang = language;
    stage.style.setProperty("--brand", brand);
    stage.style.setProperty("--on-brand", onBrand());
    const label = word(opened ? 1 : 0);
    launcher.setAttribute("aria-label", unread && !opened ? `${label}, ${word(2).replace("%", unread)}` : label);
    heading.textContent = title || word(3);
    shut.setAttribute("aria-label", word(1));
    field.setAttribute("aria-label", word(5));
    field.placeholder = word(6);
    sendButton.setAttribute("aria-label", word(7));
    again.textContent = word(9);
    again.hidden = !status.textContent;
    launcher.setAttribute("aria-expanded", opened);
    if (opened) launcher.setAttribute("aria-controls", "window");
    else launcher.removeAttribute("aria-controls");
    badge.hidden = !unread || opened;
    badge.textContent = unread > 9 ? "9+" : unread;
    panel.setAttribute("aria-label", title || word(3));
    panel.setAttribute("aria-modal", phone.matches);
    if (frame) frame.title = title || word(3);
  };

  // ---- the frame --------------------------------------------------------------------------------------------
  const put = (message) => frame.contentWindow.postMessage({ parlour: 1, ...message }, base.origin);
  const post = (message) => {
    if (ready) put(message);
    else waiting.push(message);
  };
  const tell = (focus = false) => post({ type: opened ? "shown" : "hidden", focus });

  // A page that says nothing of itself is an error page, or none at all: it is asked for anew, later and later.
  // Nothing is said about it for so long.
  const SLOW = 4_000;
  // A page that is loaded has said its word by then.
  const WORD = 1_000;
  // A page that has not come by then will not come.
  const GIVE_UP = 30_000;
  let deadline;
  let slow;
  let tries = 0;
  // It was asked for.
  let begun = false;
  // The next page keeps nothing of the last visitor.
  let fresh;
  const wanted = () => opened || waiting.length > 0;
  const within = (ms) => {
    clearTimeout(deadline);
    deadline = setTimeout(() => {
      unload();
      if (wanted()) deadline = setTimeout(load, Math.min(1_000 * 2 ** tries++, GIVE_UP));
    }, ms);
  };
  const say = (text) => {
    status.textContent = text;
    draw();
  };
  // Tries it now, and says so only if it takes long.
  const reach = (words = "") => {
    if (there) return;
    tries = 0;
    say(words);
    clearTimeout(slow);
    slow = setTimeout(() => say(word(8)), SLOW);
    load();
  };

  const load = () => {
    if (frame) return;
    language = speak();
    const url = new URL(`embed/${encodeURIComponent(bot)}`, base);
    const query = { origin: self.origin, app: option("app"), lang: wish(), theme, brand: option("brand") && brand, identity: assertion && "host", preview: quiet && "off", fresh };
    for (const name in query) if (query[name]) url.searchParams.set(name, query[name]);
    frame = make("iframe");
    frame.title = title || word(3);
    frame.allow = "clipboard-write";
    frame.referrerPolicy = "strict-origin";
    // The outline stands before it.
    frame.tabIndex = -1;
    frame.src = url;
    frame.onload = () => greeted || within(WORD);
    within(GIVE_UP);
    begun = true;
    panel.append(frame);
  };
  const unload = () => {
    clearTimeout(deadline);
    if (frame) frame.remove();
    frame = undefined;
    greeted = there = refused = ready = false;
    draw();
  };
  // Another identity or language: the frame starts anew, and open stays open.
  const reload = () => {
    if (!frame) return;
    unload();
    reach();
  };
  const greet = () => {
    clearTimeout(deadline);
    clearTimeout(slow);
    greeted = true;
    handed = false;
    fresh = undefined;
    say("");
  };
  const arrive = () => {
    const active = shadow.activeElement;
    if (opened && active !== frame && panel.contains(active)) frame.focus();
    frame.removeAttribute("tabindex");
    there = true;
    middle.replaceChildren();
    draw();
  };
