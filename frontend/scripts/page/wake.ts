// The last script of the page: fetches glue and wasm, asks for what the wasm will ask for, and wakes the island.
//
// `data-pkg` of its element says where they are, without their endings. In a frame that the loader has warmed up it waits until
// the window is opened: who only passes by the launcher is no visitor, and gets neither a name nor a greeting.
import { hydrate, started, type Load } from "./waking";

const { pkg } = (document.currentScript as HTMLScriptElement).dataset;
const load: Load = (again) => Promise.all([import(`${pkg}.js${again}`), fetch(`${pkg}_bg.wasm`)]);

function wake(): void {
  const first = load("");
  // Its failure is heard when somebody waits for it.
  first.catch(() => {});
  const alive = async (): Promise<void> => {
    globalThis.parlourAhead?.go();
    hydrate(await started(first, load));
  };
  // The screen first: on a slow phone nothing else may come before it.
  if ("requestIdleCallback" in self) requestIdleCallback(alive, { timeout: 2_000 });
  else setTimeout(alive);
}

if (globalThis.parlourHold) globalThis.parlourHold.then(wake);
else wake();
