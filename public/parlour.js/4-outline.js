  // ---- the outline ------------------------------------------------------------------------------------------
  // Messages; what comes after them stays in the field.
  const MOST_SAID = 20;
  let said = [];
  // Something was handed over before: what comes now goes on from there.
  let handed = false;
  // A word is being composed: taking it away would break it.
  let composing = false;
  // There a focus would raise the keyboard.
  const touch = matchMedia("(hover:none)").matches;
  // What is written goes to the frame's page until nothing new was written meanwhile; only then does the focus follow.
  const hand = () => {
    if (!greeted || refused || composing) return;
    const focus = shadow.activeElement === field;
    put({ type: "take", said, text: field.value, start: field.selectionStart, end: field.selectionEnd, focus, on: handed });
    handed = true;
    said = [];
    field.value = "";
  };
  const submit = () => {
    const text = field.value.trim();
    if (!text || said.length >= MOST_SAID) return;
    said.push(text);
    make("p", "mine", middle).textContent = text;
    middle.scrollTop = middle.scrollHeight;
    field.value = "";
  };
  listen(field, "compositionstart", () => (composing = true));
  listen(field, "compositionend", () => {
    composing = false;
    hand();
  });
  listen(field, "keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return;
    if (event.ctrlKey || event.metaKey || !(event.shiftKey || touch)) {
      event.preventDefault();
      submit();
    }
  });
  // The focus stays in the field: a phone would put its keyboard away.
  listen(sendButton, "mousedown", (event) => event.preventDefault());
  listen(sendButton, "click", submit);
  listen(shut, "click", () => close());
  listen(again, "click", () => {
    unload();
    reach(word(10));
  });
  listen(window, "online", () => !frame && wanted() && reach(status.textContent));
  // Keys of the field are no shortcuts of the page.
  for (const type of ["keydown", "keypress", "keyup"]) listen(box, type, (event) => event.key === "Escape" || event.stopPropagation());

  const answer = async (id) => {
    const asked = frame;
    let jwt;
    // Where it fails the frame shows it, and offers to try again.
    try { const given = await assertion(); jwt = given && `${given}`; } catch {}
    // Not for a frame that has come since: it may be another person's.
    if (frame !== asked) return;
    post({ type: "assertion", id, jwt: typeof jwt === "string" ? jwt : null });
    if (!jwt) emit("error", { code: "assertion" });
  };

  // What the frame may say. Anything else, or from anywhere else, is dropped.
  const heard = {
    loaded({ lang, brand: own }) {
      language = spoken(lang) || language;
      if (!option("brand")) brand = colour(own) || brand;
      remember(":look", [wish(), language, brand].join(" "));
      greet();
      hand();
    },
    taken() {
      if (field.value || said.length) hand();
      else if (!there) arrive();
    },
    refused() {
      refused = true;
      greet();
      arrive();
    },
    ready({ name }) {
      ready = true;
      unread = 0;
      dismiss();
      tell();
      if (!title && typeof name === "string") title = name.slice(0, 80);
      for (const message of waiting.splice(0)) post(message);
      draw();
    },
    close: () => close(),
    unread({ count, text, name }) {
      if (!Number.isInteger(count) || count < 0) return;
      if (count !== unread) emit("unread", { count });
      unread = count;
      // Read in another tab.
      if (!count) dismiss();
      if (!opened && count && typeof text === "string" && !quiet) preview(text, name);
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
