// Bundles and minifies the browser scripts: `node build.mjs <folder> [--dev]`. Called by `cargo xtask` (xtask/src/scripts.rs).
//
// Writes `parlour.js`, which websites load, and `inline/<name>.js` for each script that the server puts into a page.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

// A style sheet is a text for a shadow root. esbuild minifies such texts only when it is asked to.
const styleSheets = (minify) => ({
  name: "style sheets as texts",
  setup({ onLoad }) {
    onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path), { loader: "css", minify });
      return { contents: code.trim(), loader: "text" };
    });
  },
});

// The scripts of the page, and the loader: each is one file that needs no module.
export const options = (dev) => ({
  bundle: true,
  minify: !dev,
  format: "iife",
  // Every browser that has what the widget needs (popover, WebAssembly with reference types) reads this.
  target: "es2022",
  // The server says that these files are UTF-8.
  charset: "utf8",
  legalComments: "inline",
  plugins: [styleSheets(!dev)],
  logLevel: "warning",
});

const PAGE = ["ahead", "early", "forget", "hand_over", "to_end", "wake"];

export const bundle = (folder, dev = false) =>
  build({
    ...options(dev),
    entryPoints: [
      { in: here("loader/main.ts"), out: "parlour" },
      ...PAGE.map((name) => ({ in: here(`page/${name}.ts`), out: `inline/${name}` })),
    ],
    outdir: folder,
  });

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder, dev] = process.argv.slice(2);
  await bundle(folder, dev === "--dev");
}
