// Language, colour and theme of launcher and window.
import { colour } from "./colour";
import { own, root } from "./document";
import { remember, remembered } from "./memory";
import { option } from "./settings";
import { spoken, word as wordOf, type Language, type Word } from "./words";

const chosenBrand = colour(option("brand"));
/** What was wished for when the bot last answered, what it answered, its colour. */
const [asked, answered, lastBrand] = (remembered(":look") ?? "").split(" ");
export const systemDark = matchMedia("(prefers-color-scheme:dark)");

let locale = option("lang") ?? "";
export let theme = option("theme") ?? "";
export let brand = chosenBrand ?? colour(lastBrand) ?? "#0B6E4F";

// One language for launcher and window: the page's wish, else the visitor's; the window answers with what the bot speaks.
export const wish = (): Language => [...(locale === "auto" ? [] : [locale, root().lang]), ...navigator.languages].map(spoken).find(Boolean) ?? "en";
const expected = (): Language => {
  const wanted = wish();
  return (asked === wanted && spoken(answered)) || wanted;
};
export let language = expected();
export const word = (name: Word): string => wordOf(language, name);

/** Back to what is to be expected: the next page of the frame says what it speaks. */
export function expectLanguage(): void {
  language = expected();
}
export function setLocale(tag: string): void {
  locale = tag;
  language = expected();
}
export function setTheme(name: string): void {
  theme = ["light", "dark"].includes(name) ? name : "auto";
}
/** The frame's page has said what it speaks, and the bot's colour. */
export function answer(lang: unknown, own: unknown): void {
  language = spoken(lang) ?? language;
  if (!option("brand")) brand = colour(own) ?? brand;
  remember(":look", [wish(), language, brand].join(" "));
}

export const isDark = (): boolean => theme === "dark" || (theme !== "light" && systemDark.matches);

/** Launcher and window stand at the end of the page's lines, if it does not say where. */
export function isLeft(): boolean {
  const pageIsRtl = locale ? /^(ar|fa|he|ur)/.test(locale) : own("dir") === "rtl";
  const side = option("side") ?? "end";
  return side === "left" || side === (pageIsRtl ? "end" : "start");
}
