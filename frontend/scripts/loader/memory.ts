// What the tab remembers of the bot over the pages of a site: whether the window was open (no name), and how the bot looks
// (`:look`). A page without storage forgets.
import { bot } from "./settings";

const key = (name: string): string => `parlour:${bot}${name}`;

export function remember(name: string, value: string): void {
  try {
    sessionStorage.setItem(key(name), value);
  } catch {}
}

export function remembered(name: string): string | null {
  try {
    return sessionStorage.getItem(key(name));
  } catch {
    return null;
  }
}
