// The widget's place in the host page: beside the body, not in it, so that a transformed, inert or replaced body does not touch it.
//
// A page that rebuilds itself (React, when it takes over a whole document) throws out what it does not know. The widget comes
// back, but does not fight with a page that means it: each time later, and then no more.
import { all, root } from "./document";
import { ending, listen } from "./events";
import { host } from "./parts";
import { hasFocus } from "./state";

const BACK_MS = 100;
const MOST_RETURNS = 6;
/** A widget that stayed for so long may start counting again. */
const CALM_MS = 10_000;

export let placed = false;
let returns = 0;
let since = 0;
let coming: ReturnType<typeof setTimeout> | undefined;
let watch: MutationObserver | undefined;
/** The focus is in the widget, or was when it was thrown out. */
let inside = false;

function stand(): void {
  clearTimeout(coming);
  coming = undefined;
  if (host.isConnected || ending.signal.aborted) return;
  // A root that is a copy of the one before holds a copy of the host, with nothing in it.
  for (const copy of all(":root>[data-parlour]")) copy.remove();
  root().append(host);
  since = performance.now();
  watch?.observe(document, { childList: true });
  watch?.observe(root(), { childList: true });
}

/** Stands there now, if it has ever stood there. */
export function standAgain(): void {
  if (placed) stand();
}

/** Starts counting again: the host page wants the widget. */
export function forgive(): void {
  returns = 0;
}

/** Takes the place. `left`: the page has thrown the widget out. `back`: it is there again; `inside` says that the focus was in it. */
export function take(left: () => void, back: (inside: boolean) => void): void {
  // A frame's focus is told by no event of its own: the page's window loses it.
  for (const type of ["focus", "blur"]) listen(window, type, () => (inside = host.isConnected ? hasFocus() : inside), { capture: true });
  watch = new MutationObserver(() => {
    if (host.isConnected || coming) return;
    left();
    if (performance.now() - since > CALM_MS) returns = 0;
    if (returns++ >= MOST_RETURNS) {
      console.warn("Parlour: this page keeps removing the chat. Parlour.show() brings it back.");
      return;
    }
    coming = setTimeout(() => {
      stand();
      back(inside);
    }, BACK_MS * 2 ** (returns - 1));
  });
  stand();
  placed = true;
}

export function leave(): void {
  clearTimeout(coming);
  watch?.disconnect();
  host.remove();
}
