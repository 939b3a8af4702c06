// Bundles and minifies the wasm's glue where it stands: `node scripts/glue.mjs <folder>`. Called by `cargo xtask` (xtask/src/scripts.rs).
//
// The loaders of the late parts go into `frontend.js`, so that the page asks for one script. Prints the short names of what
// crosses between glue and wasm; xtask gives them to the wasm, too.
import { rm } from "node:fs/promises";
import { build } from "esbuild";

const [folder] = process.argv.slice(2);
const glue = `${folder}/frontend.js`;
const { mangleCache } = await build({
  entryPoints: [glue],
  outfile: glue,
  allowOverwrite: true,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  // wasm-bindgen's own names. Each ends in a hash, which no compressor makes smaller.
  mangleProps: /^__wb(g|indgen)_/,
  mangleCache: {},
  logLevel: "warning",
});
await rm(`${folder}/__wasm_split.js`, { force: true });
process.stdout.write(JSON.stringify(mangleCache));
