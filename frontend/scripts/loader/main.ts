/*! Parlour loader: puts the launcher on a page and the chat into a frame. Apache-2.0 OR MIT.
  <script async src="https://chat.example/parlour.js" data-bot="demo"></script>
  Attributes, calls and events: docs/embedding.md */
// What this promises to the host page is in `docs/embedding.md`: nothing is fetched, stored or connected before somebody touches
// the launcher. The parts, in the order in which a visitor meets them: `settings`, `look` and `parts` what stands in the page,
// `place` where; `doors` open and close, `outline` what stands in for the chat, `frame` the chat, `heard` what it says; `preview` a
// message while closed; `api` what the host page calls.
import { api, forgotten } from "./api";
import { own } from "./document";
import { close, open } from "./doors";
import { emit, ending, listen } from "./events";
import { reach, unload, wanted, warm } from "./frame";
import { listenToScreen, settleAgain } from "./full_screen";
import { hear } from "./heard";
import { systemDark } from "./look";
import { remembered } from "./memory";
import { listenToOutline } from "./outline";
import { field, launcher, shadow } from "./parts";
import { take } from "./place";
import { dismiss, isShown } from "./preview";
import { given, option, usable } from "./settings";
import { draw, phone, state, touch } from "./state";

function back(inside: boolean): void {
  settleAgain();
  if (wanted()) reach();
  if (state.opened && inside && !touch) field.focus();
}

function begin(): void {
  if (ending.signal.aborted) return;
  draw();
  // A frame that is taken out of the page has lost its page.
  take(unload, back);
  const before = remembered("");
  if (!phone.matches && (before === "open" || (before === null && option("open") === "true"))) {
    state.still = true;
    open(false);
  }
  emit("ready", {});
}

function start(): void {
  hear(forgotten);
  listenToOutline(close);
  listenToScreen(close);
  listen(launcher, "click", () => (state.opened ? close() : open(true)));
  listen(shadow, "keydown", (event: KeyboardEvent) => {
    if (event.key !== "Escape" || event.isComposing) return;
    if (state.opened) close();
    else if (isShown()) {
      dismiss();
      launcher.focus();
    }
  });
  for (const type of ["pointerenter", "focus", "touchstart"]) listen(launcher, type, warm, { passive: true });
  listen(systemDark, "change", draw);
  (window as { Parlour?: unknown }).Parlour = api;
  if (own("readyState") === "loading") listen(document, "DOMContentLoaded", begin);
  else begin();
  api.q.push(...(given.q ?? []));
}

if (usable()) start();
