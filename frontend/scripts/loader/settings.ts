// What the host page asks for: attributes of the script tag, or fields of the global `Parlour` under the same names.
import { all, own } from "./document";

/** A call that was made before the loader came. */
export type Call = [name: string, ...given: unknown[]] | ((api: unknown) => void);

/** Fetches an assertion for the signed-in user. */
export type Assertion = () => unknown;

/** What a script of the page has set as `Parlour`. */
interface Given {
  [option: string]: unknown;
  assertion?: Assertion;
  q?: Call[];
  /** Only the loader's own API has it. */
  destroy?: unknown;
}

const isScript = (node: unknown): node is HTMLScriptElement => node instanceof HTMLScriptElement;

/** An object that a script has made: a global of the page's markup is an element. */
function isPlain(value: unknown): value is Given {
  const kind: unknown = value instanceof Object && Object.getPrototypeOf(value);
  return !!kind && Object.getPrototypeOf(kind) === null;
}

// Only while this script is read for the first time the document knows which one it is.
const current = own("currentScript");
const script = isScript(current) ? current : all('script[data-bot][src*="parlour.js"]').find(isScript);
const global: unknown = Object.getOwnPropertyDescriptor(window, "Parlour")?.value;

export const given: Given = isPlain(global) ? global : {};
export const option = (name: string): string | undefined => (given[name] as string | undefined) ?? script?.dataset[name];
export const bot = option("bot")!;
/** Where the chat's server is. */
export const base = (script && new URL(".", script.src))!;
/** No word and no name of a message leaves the frame. */
export const quiet = option("preview") === "off";

/** False: there is no script tag of ours, the loader has run already, or (then the console says it) the settings cannot work. */
export function usable(): boolean {
  if (!script || given.destroy) return false;
  const fault =
    (!bot && 'say which bot, like data-bot="demo".') ||
    (self.origin === "null" && "a page without an origin (a sandboxed frame, a file) cannot hold the chat.");
  if (fault) console.error(`Parlour: ${fault}`);
  return !fault;
}
