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
    make("span", "", say).textContent = text.slice(0, 200);
    const x = make("button", "round", card);
    x.setAttribute("aria-label", word(4));
    icon("", CLOSE, x);
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
    const body = of("body");
    const { style } = root();
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
      // A document without an address of its own has no history.
      try { if (!history.state?.parlour) history.pushState({ ...history.state, parlour: 1 }, ""); } catch {}
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
    if (placed) stand();
    const active = of("activeElement");
    goBack = active && active !== of("body") && active !== host && typeof active.focus === "function" ? active : launcher;
    reach();
    dismiss();
    remember("", "open");
    settle();
    // The window must be visible before it can take the focus: the style is brought up to date here.
    if (focus && getComputedStyle(panel).visibility) {
      if (there) frame.focus();
      else (touch ? panel : field).focus();
    }
    if (ready) tell(focus);
    // Its page is there, and not alive yet.
    else if (there) put({ type: "take", said: [], text: "", focus: focus && !touch });
    emit("open", {});
  };
  const close = () => {
    if (!opened) return;
    const inside = of("activeElement") === host;
    opened = still = false;
    remember("", "closed");
    settle();
    if (ready) tell();
    if (inside) (goBack.isConnected && !host.hidden ? goBack : launcher).focus({ preventScroll: true });
    emit("close", {});
  };
  // A call inside a click or key is the visitor's own wish; any other call leaves the focus where it is.
  const wished = () => !!navigator.userActivation?.isActive;

  listen(launcher, "click", () => (opened ? close() : open(true)));
  listen(shadow, "keydown", (event) => event.key === "Escape" && !event.isComposing && (opened ? close() : live.firstChild && (dismiss(), launcher.focus())));
  // The first sign of interest warms the connection.
  const warm = () => {
    if (frame || warm.done) return;
    warm.done = true;
    // A shadow root's link would not be followed.
    const link = make("link", "", host);
    link.rel = "preconnect";
    link.href = base.origin;
  };
  for (const type of ["pointerenter", "focus", "touchstart"]) listen(launcher, type, warm, { passive: true });
  listen(phone, "change", settle);
  listen(dark, "change", draw);
  if (window.visualViewport) for (const type of ["resize", "scroll"]) listen(window.visualViewport, type, fit);
  listen(window, "popstate", () => {
    if (leaving) leaving--;
    else if (unlock && !history.state?.parlour) close();
  });
