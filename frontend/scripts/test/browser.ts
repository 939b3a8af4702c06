// A browser for the unit tests: a window without network and without layout, in which a script runs as it is built.
import { readFileSync } from "node:fs";
import { createContext, Script } from "node:vm";
import { Window } from "happy-dom";

/** A request that a script made. */
export interface Asked {
  url: string;
  method: string | undefined;
  headers: Record<string, string>;
  body: unknown;
}

export interface Message {
  to: string;
  data: { type: string; [field: string]: any };
}

export interface Browser {
  window: any;
  document: any;
  asked: Asked[];
  /** What was said to the page around the frame. */
  toHost: Message[];
  /** Runs one of the built scripts. `attributes` are those of its element. */
  run(name: string, attributes?: Record<string, string>): void;
  /** Runs a line of the page's own. */
  page(code: string): any;
  key(target: any, key: string, more?: object): any;
}

interface Given {
  url?: string;
  html?: string;
  /** What the network answers. */
  answer?: (asked: Asked) => Promise<Response>;
  /** The page is in a frame of this window. */
  inFrame?: boolean;
  touch?: boolean;
  /** Names of the Web Locks that tabs hold. */
  locks?: string[];
}

const built = (name: string): string => readFileSync(`${process.env.SITE}/${name}.js`, "utf8");

export const json = (body: unknown, status = 200): Response => new Response(JSON.stringify(body), { status });

export function browser({ url = "https://chat.example/chat/demo", html = "", answer, inFrame, touch = false, locks = [] }: Given = {}): Browser {
  const window = new Window({ url, settings: { disableIframePageLoading: true, disableJavaScriptFileLoading: true } }) as any;
  const { document } = window;
  const asked: Asked[] = [];
  const toHost: Message[] = [];
  document.body.innerHTML = html;
  const context = createContext(window);
  const define = (target: object, name: string, value: unknown): object => Object.defineProperty(target, name, { value, configurable: true, writable: true });
  define(window, "origin", new URL(url).origin);
  define(window, "WebAssembly", WebAssembly);
  define(window, "matchMedia", (query: string) => Object.assign(new window.EventTarget(), { matches: touch && query === "(hover:none)" }));
  define(window, "fetch", (url: string, { method, headers = {}, body }: any = {}) => {
    const request: Asked = { url: String(url), method, headers, body: body && JSON.parse(body) };
    asked.push(request);
    return answer ? answer(request) : Promise.reject(new Error("no network"));
  });
  define(window.navigator, "locks", { query: async () => ({ held: locks.map((name) => ({ name })) }) });
  define(window.Element.prototype, "scrollIntoView", () => {});
  Object.defineProperty(window.Document.prototype, "dir", { get: () => document.documentElement.dir, configurable: true });
  // In a browser these stand on the prototype itself, where the loader looks for them.
  for (let from = Object.getPrototypeOf(window.Document.prototype); from && from !== Object.prototype; from = Object.getPrototypeOf(from)) {
    const own = Object.getOwnPropertyDescriptors(window.Document.prototype);
    Object.defineProperties(window.Document.prototype, { ...Object.getOwnPropertyDescriptors(from), ...own });
  }
  if (inFrame) define(window, "parent", { postMessage: (data: Message["data"], to: string) => toHost.push({ data, to }) });
  return {
    window,
    document,
    asked,
    toHost,
    run(name, attributes = {}) {
      const element = document.createElement("script");
      for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
      define(document, "currentScript", element);
      new Script(built(name), { filename: `${name}.js` }).runInContext(context);
      define(document, "currentScript", null);
    },
    page: (code) => new Script(code).runInContext(context),
    key(target, key, more = {}) {
      const event = new window.KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
      target.dispatchEvent(event);
      return event;
    },
  };
}

/** Lets everything happen that waits for nothing but promises. */
export const settled = (): Promise<void> => new Promise((done) => setImmediate(done));

/** A copy of what a script has made: its arrays and objects are of the window's own kinds, which `deepEqual` tells from ours. */
export const copy = <Value>(value: Value): Value => JSON.parse(JSON.stringify(value));
