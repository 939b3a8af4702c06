// What the scripts of one page leave for each other and for the wasm. Each script is a file of its own in the page, so they meet on
// `globalThis`, under these names and no others.

/** A message that the visitor sent before the wasm was there. */
export interface Said {
  /** Milliseconds since the epoch, unique in the tab: the `clientMessageId`, so that the server stores the message once. */
  id: number;
  text: string;
}

/** Left by `early.ts`; taken over by the wasm (`app/src/transport/keep.rs`). */
export interface Early {
  readonly sent: Said[];
  /** Aborted when the wasm takes over: until then the scripts listen. */
  readonly signal: AbortSignal;
  /** A word is being composed in the composer, with an input method. */
  readonly composing: boolean;
  /** Ends the script and hands over what was sent. */
  take(): Said[];
}

/** Left by `ahead.ts`; asked by the wasm before it fetches (`app/src/transport/ahead.rs`). */
export interface Ahead {
  /** Asks for what the wasm will ask for. Called once, by `wake.ts`. */
  go(): void;
  /** The answer that was asked for ahead, whatever its status. Each is given once. It rejects when nothing came. */
  take(url: string): Promise<Response> | undefined;
}

declare global {
  var parlourEarly: Early | undefined;
  var parlourAhead: Ahead | undefined;
  /** Left by `hand_over.ts` in a frame that was loaded before its window was opened: settled when the loader opens it. */
  var parlourHold: Promise<void> | undefined;
}

/** The composer's field. A page that says why there is no chat has none. */
export const composer = (): HTMLTextAreaElement | null => document.querySelector("[data-composer] textarea");
