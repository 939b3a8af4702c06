// The window, opened and closed.
import { own } from "./document";
import { emit } from "./events";
import { frame, put, reach, tell } from "./frame";
import { settle } from "./full_screen";
import { remember } from "./memory";
import { field, host, launcher, panel } from "./parts";
import { standAgain } from "./place";
import { dismiss } from "./preview";
import { hasFocus, state, touch } from "./state";

/** Gets the focus when the window closes. */
let goBack: HTMLElement = launcher;

/** `focus`: by the visitor's own hand. */
export function open(focus: boolean): void {
  if (state.opened) return;
  state.opened = true;
  standAgain();
  const active = own("activeElement") as HTMLElement | null;
  goBack = active && active !== own("body") && active !== host && typeof active.focus === "function" ? active : launcher;
  reach();
  dismiss();
  remember("", "open");
  settle();
  // The window must be visible before it can take the focus: the style is brought up to date here.
  if (focus && getComputedStyle(panel).visibility) {
    if (state.there) frame!.focus();
    else (touch ? panel : field).focus();
  }
  if (state.ready) tell(focus);
  // Its page is there, and not alive yet.
  else if (state.there) put({ type: "take", said: [], text: "", focus: focus && !touch });
  emit("open", {});
}

export function close(): void {
  if (!state.opened) return;
  const inside = hasFocus();
  state.opened = state.still = false;
  remember("", "closed");
  settle();
  if (state.ready) tell();
  if (inside) (goBack.isConnected && !host.hidden ? goBack : launcher).focus({ preventScroll: true });
  emit("close", {});
}
