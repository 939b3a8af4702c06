// The chat's page in its frame: asked for when somebody shows interest, woken when somebody wants it, asked for anew when it fails.
import { expectLanguage, brand, theme, wish, word } from "./look";
import { make, panel, status } from "./parts";
import { base, bot, given, option, quiet, type Assertion } from "./settings";
import { draw, state } from "./state";

// A page that says nothing of itself is an error page, or none at all: it is asked for anew, later and later.
/** Nothing is said about it for so long. */
const SLOW_MS = 4_000;
/** A page that is loaded has said its word by then. */
const WORD_MS = 1_000;
/** A page that has not come by then will not come. */
const GIVE_UP_MS = 30_000;

interface Message {
  type: string;
  [field: string]: unknown;
}

/** The element, from the first sign of interest on. */
export let frame: HTMLIFrameElement | undefined;
/** Who asks for the chat, and not only comes near the launcher, wakes the page, and each that follows it. */
export let awake = false;
export let assertion: Assertion | undefined = given.assertion;
let deadline: ReturnType<typeof setTimeout> | undefined;
let slow: ReturnType<typeof setTimeout> | undefined;
let tries = 0;
/** A page was asked for. */
let begun = false;
/** The next page keeps nothing of the last visitor. */
let fresh = false;
/** Messages for the page until it is ready. */
const waiting: Message[] = [];

/** Says something to the page, alive or not. */
export const put = (message: Message): void => frame!.contentWindow!.postMessage({ parlour: 1, ...message }, base.origin);
/** Says something to the page when it is ready. */
export function post(message: Message): void {
  if (state.ready) put(message);
  else waiting.push(message);
}
/** The page is ready: says all that waited. */
export function flush(): void {
  for (const message of waiting.splice(0)) put(message);
}
/** Says whether anybody looks. */
export const tell = (focus = false): void => post({ type: state.opened ? "shown" : "hidden", focus });

/** Whether this is the page in the frame. */
export const isFrame = (source: unknown, origin: string): boolean => !!frame && source === frame.contentWindow && origin === base.origin;

export const wanted = (): boolean => state.opened || waiting.length > 0;

const within = (ms: number): void => {
  clearTimeout(deadline);
  deadline = setTimeout(() => {
    unload();
    if (wanted()) deadline = setTimeout(load, Math.min(1_000 * 2 ** tries++, GIVE_UP_MS));
  }, ms);
};
/** A page that was loaded with `warm` waits for this word; any other comes alive by itself. */
const wake = (): void => {
  if (awake && state.greeted && !state.refused) put({ type: "wake" });
};
/** The status below the outline. */
const say = (text: string): void => {
  status.textContent = text;
  draw();
};

/** The first sign of interest: the page is to be there when the click comes. Once it was wanted, it is kept there by itself. */
export function warm(): void {
  if (!awake) load();
}
/** Asks for the page, if it is neither there nor under way. */
function load(): void {
  if (frame) return;
  expectLanguage();
  const url = new URL(`embed/${encodeURIComponent(bot)}`, base);
  const query = {
    origin: self.origin,
    app: option("app"),
    lang: wish(),
    theme,
    brand: option("brand") && brand,
    identity: assertion && "host",
    preview: quiet && "off",
    fresh: fresh && 1,
    warm: !awake && 1,
  };
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, String(value));
  frame = make("iframe");
  frame.allow = "clipboard-write";
  frame.referrerPolicy = "strict-origin";
  // The outline stands before it.
  frame.tabIndex = -1;
  frame.src = String(url);
  frame.onload = () => state.greeted || within(WORD_MS);
  within(GIVE_UP_MS);
  begun = true;
  panel.append(frame);
  draw();
}
export function unload(): void {
  clearTimeout(deadline);
  frame?.remove();
  frame = undefined;
  state.greeted = state.there = state.refused = state.ready = false;
  draw();
}
/** Wants the chat now. That it takes long is said only when it does. */
export function reach(words = ""): void {
  awake = true;
  wake();
  if (state.there) return;
  tries = 0;
  say(words);
  clearTimeout(slow);
  slow = setTimeout(() => say(word("unreachable")), SLOW_MS);
  load();
}
/** Another identity or language: the page starts anew, and open stays open. */
export function reload(): void {
  if (!frame) return;
  unload();
  if (awake) reach();
}
/** Somebody else, or nobody any more. */
export function setAssertion(fn: Assertion | undefined): void {
  assertion = fn;
}
/** The pages that follow keep nothing of whom the last ones were for. */
export function changeVisitor(): void {
  if (begun) fresh = true;
}
/** The page has said its first word. */
export function greet(): void {
  clearTimeout(deadline);
  clearTimeout(slow);
  state.greeted = true;
  fresh = false;
  say("");
  wake();
}
export function end(): void {
  unload();
  clearTimeout(slow);
}
