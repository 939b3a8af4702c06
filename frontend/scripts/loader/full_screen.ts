// A phone's full screen: the page behind neither scrolls nor takes focus, the back button closes the window, and the window is as
// high as the keyboard leaves it. Who magnifies sees a part of it as it is.
import { own, root } from "./document";
import { listen } from "./events";
import { panel } from "./parts";
import { draw, phone, state } from "./state";

let unlock: (() => void) | undefined;
/** History steps that we took ourselves. */
let leaving = 0;

/** Lets the page behind rest; returns what undoes it. */
function lock(): () => void {
  const body = own("body");
  const { style } = root();
  const overflow = [style.getPropertyValue("overflow"), style.getPropertyPriority("overflow")] as const;
  const [left, top, inert] = [scrollX, scrollY, body.inert];
  style.setProperty("overflow", "hidden", "important");
  body.inert = true;
  return () => {
    style.setProperty("overflow", ...overflow);
    body.inert = inert;
    scrollTo({ left, top, behavior: "instant" });
  };
}

function fit(): void {
  const view = window.visualViewport;
  const shown = state.opened && phone.matches && view && view.scale < 1.05 ? view : undefined;
  panel.style.height = shown ? `${shown.height}px` : "";
  panel.style.top = shown ? `${shown.offsetTop}px` : "";
}

/** Brings page and window to what the state and the screen ask for. */
export function settle(): void {
  const full = state.opened && phone.matches;
  if (full && !unlock) {
    unlock = lock();
    // A document without an address of its own has no history.
    try {
      if (!history.state?.parlour) history.pushState({ ...history.state, parlour: 1 }, "");
    } catch {}
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
}

/** The page may have another body: that one is to rest as well. */
export function settleAgain(): void {
  unlock?.();
  unlock = undefined;
  settle();
}

export function listenToScreen(close: () => void): void {
  listen(phone, "change", settle);
  if (window.visualViewport) for (const type of ["resize", "scroll"]) listen(window.visualViewport, type, fit);
  listen(window, "popstate", () => {
    if (leaving) leaving--;
    else if (unlock && !history.state?.parlour) close();
  });
}
