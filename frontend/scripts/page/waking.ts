// Fetches glue and wasm, again and again where the network fails meanwhile: what was said in the first second waits for them.

/** What wasm-bindgen writes: starts the wasm, and names what it exports. */
export interface Glue {
  default(parts: { module_or_path: Response }): Promise<unknown>;
  hydrate(): void;
  /** The island's own function, by the name that Leptos gave it. */
  [component: string]: unknown;
}

/** Fetches both side by side. `again` makes another address of the glue's: a browser may remember that a module failed. */
export type Load = (again: string) => Promise<[Glue, Response]>;

/** Each wait is so much longer than the last. */
const STEP_MS = 2_000;

/** The wasm, started. `first` is the load that is under way. */
export async function started(first: Promise<[Glue, Response]>, load: Load): Promise<Glue> {
  let loading = first;
  for (let failed = 1; ; failed++) {
    try {
      const [glue, wasm] = await loading;
      await glue.default({ module_or_path: wasm });
      return glue;
    } catch {
      await new Promise((resolve) => {
        setTimeout(resolve, failed * STEP_MS);
        addEventListener("online", resolve, { once: true });
      });
      loading = load(`?${failed}`);
    }
  }
}

/** Lets the one island come alive. Leptos' own script looks for any number of islands at any depth. */
export function hydrate(glue: Glue): void {
  glue.hydrate();
  const island = document.querySelector<HTMLElement>("leptos-island");
  if (island) (glue[island.dataset.component!] as (island: HTMLElement) => void)(island);
}
