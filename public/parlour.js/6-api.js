  // ---- the API ----------------------------------------------------------------------------------------------
  const api = {
    open: () => open(wished()),
    close,
    toggle: () => (opened ? close() : open(wished())),
    show() {
      host.hidden = false;
      returns = 0;
      if (placed) stand();
    },
    hide() { close(); host.hidden = true; },
    setLocale(tag) {
      locale = String(tag);
      language = speak();
      reload();
      draw();
    },
    setTheme(name) {
      theme = ["light", "dark"].includes(name) ? name : "auto";
      if (frame) post({ type: "theme", theme });
      draw();
    },
    prefill(text) { post({ type: "prefill", text: String(text) }); },
    send(text) {
      post({ type: "send", text: String(text) });
      reach();
    },
    setAssertion(fn) {
      if (fn === assertion) return;
      assertion = typeof fn === "function" ? fn : undefined;
      if (begun) fresh = 1;
      // Else when the frame has forgotten who was signed in.
      if (!parting) reload();
    },
    logout() {
      assertion = undefined;
      unread = 0;
      dismiss();
      parting = true;
      // It forgets the visitor, says so, and is loaded anew.
      post({ type: "logout" });
      reach();
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
      clearTimeout(slow);
      ending.abort();
      clearTimeout(coming);
      watch.disconnect();
      host.remove();
      if (window.Parlour === api) delete window.Parlour;
    },
    q: { push: (...calls) => calls.forEach(run) },
  };
  const run = (call) => (typeof call === "function" ? call(api) : api[call[0]]?.(...call.slice(1)));

  // ---- its place in the page --------------------------------------------------------------------------------
  // A page that rebuilds itself (React, when it takes over a whole document) throws out what it does not know. The
  // widget comes back, but does not fight with a page that means it: each time later, and then no more.
  const BACK = 100;
  const MOST_RETURNS = 6;
  // A widget that stayed for so long may start counting again.
  const CALM = 10_000;
  let placed = false;
  let returns = 0;
  let since = 0;
  let coming;
  // The focus is in the widget, or was when it was thrown out.
  let inside = false;
  // A frame's focus is told by no event of its own: the page's window loses it.
  for (const type of ["focus", "blur"]) listen(window, type, () => (inside = host.isConnected ? of("activeElement") === host : inside), { capture: true });
  // Beside the body, not in it: a transformed, inert or replaced body does not touch the widget.
  const stand = () => {
    clearTimeout(coming);
    coming = undefined;
    if (host.isConnected || ending.signal.aborted) return;
    // A root that is a copy of the one before holds a copy of the host, with nothing in it.
    for (const copy of by("querySelectorAll", ":root>[data-parlour]")) copy.remove();
    root().append(host);
    since = performance.now();
    watch.observe(doc, { childList: true });
    watch.observe(root(), { childList: true });
  };
  const watch = new MutationObserver(() => {
    if (host.isConnected || coming) return;
    // A frame that is taken out of the page has lost its page.
    unload();
    if (performance.now() - since > CALM) returns = 0;
    if (returns++ >= MOST_RETURNS) {
      console.warn("Parlour: this page keeps removing the chat. Parlour.show() brings it back.");
      return;
    }
    coming = setTimeout(() => {
      stand();
      // The body may be another one.
      if (unlock) unlock = unlock();
      settle();
      if (wanted()) reach();
      if (opened && inside && !touch) field.focus();
    }, BACK * 2 ** (returns - 1));
  });

  // ---- and begin --------------------------------------------------------------------------------------------
  const place = () => {
    if (ending.signal.aborted) return;
    draw();
    stand();
    placed = true;
    const before = remembered("");
    if (!phone.matches && (before === "open" || (before === null && option("open") === "true"))) {
      still = true;
      open(false);
    }
    emit("ready", {});
  };
  window.Parlour = api;
  if (of("readyState") === "loading") listen(doc, "DOMContentLoaded", place);
  else place();
  for (const call of given.q || []) run(call);
})();
