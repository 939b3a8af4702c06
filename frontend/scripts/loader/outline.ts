// The window's outline: something to type into from the first moment, handed over when the frame's page has come.
import { listen } from "./events";
import { frame, put, reach, unload, wanted } from "./frame";
import { word } from "./look";
import { again, box, field, make, middle, panel, send, shadow, shut, status } from "./parts";
import { draw, state, touch } from "./state";

/** Messages; what comes after them stays in the field. */
const MOST_SAID = 20;
let said: string[] = [];
/** Something was handed over before: what comes now goes on from there. */
let handed = false;
/** The focus was handed over, too. */
let focused = false;
/** A word is being composed: taking it away would break it. */
let composing = false;

const fieldHasFocus = (): boolean => shadow.activeElement === field;
// What is written goes to the frame's page until nothing new was written meanwhile; only then does the focus follow.
export const hand = (): void => {
  if (!state.greeted || state.refused || composing) return;
  focused = fieldHasFocus();
  put({ type: "take", said, text: field.value, start: field.selectionStart, end: field.selectionEnd, focus: focused, on: handed });
  handed = true;
  said = [];
  field.value = "";
};
const submit = (): void => {
  const text = field.value.trim();
  if (!text || said.length >= MOST_SAID) return;
  said.push(text);
  make("p", "mine", middle).textContent = text;
  middle.scrollTop = middle.scrollHeight;
  field.value = "";
};

/** The frame has a page that knows nothing of what was handed over before. */
export function begin(): void {
  handed = false;
}
/** Something was written since, or the window was opened, so that the focus is here now. */
export const hasMore = (): boolean => field.value !== "" || said.length > 0 || (fieldHasFocus() && !focused);
/** The frame's page stands in the outline's place from now on. */
export function giveWay(): void {
  const active = shadow.activeElement;
  if (state.opened && active !== frame! && panel.contains(active)) frame!.focus();
  frame!.removeAttribute("tabindex");
  state.there = true;
  middle.replaceChildren();
  draw();
}

export function listenToOutline(close: () => void): void {
  listen(field, "compositionstart", () => (composing = true));
  listen(field, "compositionend", () => {
    composing = false;
    hand();
  });
  listen(field, "keydown", (event: KeyboardEvent) => {
    // Safari tells the Enter that ends a word by its code only.
    if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return;
    if (event.ctrlKey || event.metaKey || !(event.shiftKey || touch)) {
      event.preventDefault();
      submit();
    }
  });
  // The focus stays in the field: a phone would put its keyboard away.
  listen(send, "mousedown", (event: Event) => event.preventDefault());
  listen(send, "click", submit);
  listen(shut, "click", close);
  listen(again, "click", () => {
    unload();
    reach(word("connecting"));
  });
  listen(window, "online", () => !frame && wanted() && reach(status.textContent ?? ""));
  // Keys of the field are no shortcuts of the page.
  for (const type of ["keydown", "keypress", "keyup"]) listen(box, type, (event: KeyboardEvent) => event.key === "Escape" || event.stopPropagation());
}
