// What a page in the loader's frame says before the wasm is there, and what the loader hands over to it.
//
// An embedded page runs this inline after `early.ts`; a page that says why there is no chat runs it alone. The loader's side is
// `../loader`, the protocol is in `docs/embedding.md`.
//
// Invariant: as in `app/src/host.rs`, it hears its parent window with the origin named in `?origin=` only, and speaks to that
// origin only.
import { composer } from "./globals";

/** From the loader: what was written in its outline of the window. */
interface Take {
  /** What was sent there. */
  said: string[];
  /** What is written there, with the selection in it. */
  text: string;
  start: number;
  end: number;
  /** The outline had the focus. */
  focus: boolean;
  /** This goes on what an earlier `take` handed over. */
  on?: boolean;
}

function meet(host: string, query: URLSearchParams): void {
  const field = composer();
  // Until the wasm takes over; a page without a composer stays as it is.
  const signal = globalThis.parlourEarly?.signal;
  // Where the outline's text ends: a letter that was typed there while the focus moved belongs before those typed here since.
  let end = 0;

  const tell = (type: string, more?: object): void => parent.postMessage({ parlour: 1, type, ...more }, host);

  const take = (field: HTMLTextAreaElement, { said, text, start, end: selected, focus, on }: Take): void => {
    const changed = (): boolean => field.dispatchEvent(new Event("input", { bubbles: true }));
    const put = (value: string): void => {
      field.value = value;
      changed();
    };
    let written = field.value;
    for (const each of said) {
      // What an earlier `take` put there has become the beginning of a message since.
      put(on ? written + each : each);
      field.form!.requestSubmit();
      if (on) written = "";
    }
    if (said.length) {
      put(written);
      if (on) end = 0;
    }
    if (text && on) {
      field.setRangeText(text, end, end, field.selectionStart === end ? "end" : "preserve");
      end += text.length;
      changed();
    } else if (text) {
      // Below what stands there already.
      const above = written && `${written}\n`;
      put(above + text);
      field.setSelectionRange(above.length + start, above.length + selected);
    }
    if (!on) end = field.selectionEnd;
    if (focus) field.focus();
    tell("taken");
  };

  let open: () => void = () => {};
  if (field && query.has("warm")) globalThis.parlourHold = new Promise((resolve) => (open = resolve));

  // As long as the page lives.
  addEventListener("message", ({ source, origin, data }) => {
    if (!field || source !== parent || origin !== host || data?.parlour !== 1) return;
    if (data.type === "take") take(field, data);
    if (data.type === "wake") open();
  });

  const menuIsOpen = (): boolean => {
    try {
      return document.querySelector(":popover-open") !== null;
    } catch {
      // A browser without popovers does not know the name.
      return false;
    }
  };
  const close = (): void => tell("close");
  document.addEventListener("keydown", (event) => event.key === "Escape" && !event.isComposing && !menuIsOpen() && close(), { signal });
  document.addEventListener("click", (event) => (event.target as Element).closest("[data-act=close]") && close(), { signal });

  // The first word. An error page of a proxy or of the browser says neither, so the loader knows it.
  tell(field ? "loaded" : "refused", { lang: document.documentElement.lang, brand: (document.currentScript as HTMLScriptElement | null)?.dataset.brand });
}

const query = new URLSearchParams(location.search);
const host = query.get("origin");
if (parent !== self && host && /^https?:/.test(host)) meet(host, query);
