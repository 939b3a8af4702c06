// What the host page may call: the global `Parlour`. Described in `docs/embedding.md`.
import { close, open } from "./doors";
import { emit, ending, off, on } from "./events";
import { assertion, changeVisitor, end, frame, post, reach, reload, setAssertion } from "./frame";
import { setLocale, setTheme, theme } from "./look";
import { host } from "./parts";
import { forgive, leave, placed, standAgain } from "./place";
import { dismiss } from "./preview";
import type { Assertion, Call } from "./settings";
import { draw, state } from "./state";

/** The frame was told to forget who is signed in, and has not said that it did. */
let parting = false;

/** A call inside a click or key is the visitor's own wish; any other call leaves the focus where it is. */
const wished = (): boolean => !!navigator.userActivation?.isActive;

export const api = {
  open: () => open(wished()),
  close,
  toggle: () => (state.opened ? close() : open(wished())),
  show() {
    host.hidden = false;
    forgive();
    standAgain();
  },
  hide() {
    close();
    host.hidden = true;
  },
  setLocale(tag: unknown) {
    setLocale(String(tag));
    reload();
    draw();
  },
  setTheme(name: string) {
    setTheme(name);
    if (frame) post({ type: "theme", theme });
    draw();
  },
  prefill(text: unknown) {
    post({ type: "prefill", text: String(text) });
  },
  send(text: unknown) {
    post({ type: "send", text: String(text) });
    reach();
  },
  setAssertion(fn: unknown) {
    if (fn === assertion) return;
    setAssertion(typeof fn === "function" ? (fn as Assertion) : undefined);
    changeVisitor();
    // Else when the frame has forgotten who was signed in.
    if (!parting) reload();
  },
  logout() {
    setAssertion(undefined);
    state.unread = 0;
    dismiss();
    parting = true;
    // It forgets the visitor, says so, and is loaded anew.
    post({ type: "logout" });
    reach();
    draw();
  },
  on(name: string, fn: (detail: unknown) => void) {
    on(name, fn);
    if (name === "ready" && placed) emit("ready", {});
    return () => off(name, fn);
  },
  off,
  destroy() {
    close();
    dismiss();
    end();
    ending.abort();
    leave();
    const page = window as { Parlour?: unknown };
    if (page.Parlour === api) delete page.Parlour;
  },
  q: { push: (...calls: Call[]) => calls.forEach(run) },
};

type Method = (...given: unknown[]) => unknown;

function run(call: Call): void {
  if (typeof call === "function") call(api);
  else (api as unknown as Record<string, Method | undefined>)[call[0]]?.(...call.slice(1));
}

/** The frame has forgotten who was signed in. */
export function forgotten(): void {
  parting = false;
  reload();
}
