// Listening to the page, and being listened to by it.

/** Aborted by `destroy()`, which takes every listener away. */
export const ending = new AbortController();

/** Adds a listener that ends with the widget. By the prototype's own function: a page may have put another one on its window. */
export const listen = (target: EventTarget, type: string, fn: (event: any) => void, more?: AddEventListenerOptions): void =>
  EventTarget.prototype.addEventListener.call(target, type, fn, { signal: ending.signal, ...more });

type Listener = (detail: unknown) => void;
const listeners: Record<string, Set<Listener>> = {};

export function on(name: string, fn: Listener): void {
  (listeners[name] ??= new Set()).add(fn);
}
export function off(name: string, fn: Listener): void {
  listeners[name]?.delete(fn);
}
/** Tells the host page. */
export function emit(name: string, detail: object): void {
  for (const fn of [...(listeners[name] ?? [])]) {
    try {
      fn(detail);
    } catch (error) {
      // A host's broken listener is the host's error, and must not stop ours.
      setTimeout(() => {
        throw error;
      });
    }
  }
}
