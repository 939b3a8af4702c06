// Makes modules that other tools wrote smaller, where they stand: `node minify.mjs <folder>`. For wasm-bindgen's glue.
import { readdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { transform } from "esbuild";

const [folder] = process.argv.slice(2);
for (const path of readdirSync(folder, { recursive: true }).filter((path) => path.endsWith(".js"))) {
  const file = `${folder}/${path}`;
  const { code } = await transform(await readFile(file), { minify: true, format: "esm", legalComments: "none" });
  await writeFile(file, code);
}
