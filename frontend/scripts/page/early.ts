// The first second: what a visitor types before the wasm is there.
//
// The page runs this inline, below the composer. It shows a message that is sent as a bubble, keeps it, and hands the list over
// once to the wasm, which sends it with the id that it has here.
//
// Invariants: what was shown as sent is kept in `sessionStorage` until the wasm has stored it elsewhere. Without WebAssembly this
// does nothing, and the form posts itself.
import { composer, type Said } from "./globals";

/** A text of blanks and characters without a shape is no message: it would be an empty bubble. */
const VISIBLE = /[^\s\p{Cc}\p{DI}\u2800]/u;
/** Characters of a message, where the composer does not say it. */
const LONGEST = 10_000;
/** The same name in `app/src/transport/keep.rs`. */
const KEY = `unsent:${location.pathname}`;

function listen(field: HTMLTextAreaElement): void {
  const ending = new AbortController();
  const { signal } = ending;
  const bubbles = document.querySelector("#early")!;
  // There Enter makes a new line, as everywhere on a phone.
  const touch = matchMedia("(hover:none)").matches;
  const sent: Said[] = [];
  let composing = false;

  const show = ({ text }: Said): void => {
    const bubble = document.querySelector<HTMLTemplateElement>("#early-bubble")!.content.cloneNode(true) as DocumentFragment;
    bubble.querySelector("[data-text]")!.textContent = text;
    bubbles.append(bubble);
    bubbles.scrollIntoView(false);
  };

  const say = (event: SubmitEvent | KeyboardEvent): void => {
    // A form inside of a message waits for the wasm.
    if (event.type === "submit" && event.target !== field.form) return;
    event.preventDefault();
    // A starter is a button with words of its own.
    const starter = ("submitter" in event && (event.submitter as HTMLButtonElement | null)?.value) || "";
    const text = (starter || field.value).trim();
    const longest = Number(field.form?.dataset.composer) || LONGEST;
    // Too long a text stays where it is.
    if (!VISIBLE.test(text) || [...text].length > longest) return;
    const said = { id: Math.max(Date.now(), (sent.at(-1)?.id ?? 0) + 1), text };
    sent.push(said);
    // Kept before it is shown: what stands there as sent is not lost.
    try {
      sessionStorage.setItem(KEY, JSON.stringify(sent));
    } catch {
      // A browser that refuses storage loses it with the page, and only then.
    }
    if (!starter) field.value = "";
    show(said);
  };

  // What an earlier load of this page left unsent, unless the server's transcript holds it by now.
  try {
    for (const said of JSON.parse(sessionStorage.getItem(KEY) ?? "[]") as Said[]) {
      sent.push(said);
      if (!document.querySelector(`[data-key="own-${said.id}"]`)) show(said);
    }
  } catch {
    // No storage, or something else under our name.
  }

  document.addEventListener("submit", say, { signal });
  document.addEventListener(
    "keydown",
    (event) => {
      const enter = event.key === "Enter" && event.target === field && !event.shiftKey;
      // Safari tells the Enter that ends a word by its code only.
      const writing = event.isComposing || event.keyCode === 229;
      if (enter && !writing && (!touch || event.ctrlKey || event.metaKey)) say(event);
    },
    { signal },
  );
  // The focus stays in the field: a phone would put its keyboard away.
  document.addEventListener("mousedown", (event) => (event.target as Element).closest(".send") && event.preventDefault(), { signal });
  document.addEventListener("compositionstart", () => (composing = true), { signal });
  document.addEventListener("compositionend", () => (composing = false), { signal });

  globalThis.parlourEarly = {
    sent,
    signal,
    get composing() {
      return composing;
    },
    take() {
      ending.abort();
      bubbles.textContent = "";
      return sent;
    },
  };
}

const field = composer();
if (self.WebAssembly && field) listen(field);
