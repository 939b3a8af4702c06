// A message that came while the window was closed.
import { word } from "./look";
import { closeButton, launcher, live, make, shadow } from "./parts";

const SHOWN_MS = 10_000;
/** Characters; two lines are shown. */
const LONGEST = 200;
let timer: ReturnType<typeof setTimeout> | undefined;

export function dismiss(): void {
  clearTimeout(timer);
  live.replaceChildren();
}

export const isShown = (): boolean => live.firstChild !== null;

export function preview(text: string, name: unknown, open: () => void): void {
  const focused = live.contains(shadow.activeElement);
  dismiss();
  const card = make("div", "preview", live);
  const words = make("button", "say", card);
  if (typeof name === "string") make("b", "", words).textContent = name;
  make("span", "", words).textContent = text.slice(0, LONGEST);
  words.onclick = open;
  const away = closeButton(card);
  away.setAttribute("aria-label", word("dismiss"));
  away.onclick = () => {
    dismiss();
    launcher.focus();
  };
  // Who reads it or reaches for it keeps it.
  const wait = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => (card.matches(":hover,:focus-within") ? wait() : dismiss()), SHOWN_MS);
  };
  wait();
  if (focused) words.focus();
}
