// What the frame may say. Anything else, or from anywhere else, is dropped.
import { close, open } from "./doors";
import { emit, listen } from "./events";
import { assertion, awake, flush, frame, greet, isFrame, post, tell, unload } from "./frame";
import { answer } from "./look";
import { begin, giveWay, hand, hasMore } from "./outline";
import { dismiss, preview } from "./preview";
import { quiet } from "./settings";
import { draw, state } from "./state";

/** Of the frame's words nothing is taken for granted. */
type Words = Record<string, unknown>;

const LONGEST_TITLE = 80;

async function assert(id: unknown): Promise<void> {
  const asked = frame;
  let jwt: string | undefined;
  try {
    const given = await assertion?.();
    jwt = given ? String(given) : undefined;
  } catch {
    // The frame shows it, and offers to try again.
  }
  // Not for a frame that has come since: it may be another person's.
  if (frame !== asked) return;
  post({ type: "assertion", id, jwt: jwt ?? null });
  if (!jwt) emit("error", { code: "assertion" });
}

function unread({ count, text, name }: Words): void {
  if (!Number.isInteger(count) || (count as number) < 0) return;
  if (count !== state.unread) emit("unread", { count });
  state.unread = count as number;
  // Read in another tab.
  if (!count) dismiss();
  if (!state.opened && count && typeof text === "string" && !quiet) preview(text, name, () => open(true));
  draw();
}

/** `forgotten`: the frame has forgotten who was signed in. */
export function hear(forgotten: () => void): void {
  const heard: Record<string, (words: Words) => unknown> = {
    loaded({ lang, brand }) {
      answer(lang, brand);
      begin();
      greet();
      hand();
    },
    taken() {
      if (hasMore()) hand();
      else if (!state.there) giveWay();
    },
    refused() {
      // Nobody has opened it yet: whoever does asks again, and sees what is said then.
      if (!awake) return unload();
      state.refused = true;
      greet();
      giveWay();
    },
    ready({ name }) {
      state.ready = true;
      state.unread = 0;
      dismiss();
      tell();
      if (!state.title && typeof name === "string") state.title = name.slice(0, LONGEST_TITLE);
      flush();
      draw();
    },
    close,
    unread,
    sent: ({ id }) => emit("message:sent", { id: String(id) }),
    received: ({ id }) => emit("message:received", { id: String(id) }),
    assertion: ({ id }) => assertion && assert(id),
    expired: () => emit("auth:expired", {}),
    error: ({ code, form }) => emit("error", { code: String(code), form: String(form) }),
    forgotten,
  };
  listen(window, "message", ({ source, origin, data }: MessageEvent) => {
    if (isFrame(source, origin) && data?.parlour === 1 && Object.hasOwn(heard, data.type)) heard[data.type]!(data);
  });
}
