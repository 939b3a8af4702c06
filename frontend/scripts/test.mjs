// Runs the unit tests: builds the scripts as the site has them, bundles each `*.test.ts`, and lets Node's own runner loose on those.
// Arguments go to the runner.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { bundle, options } from "./build.mjs";

/** A test that waits for what never comes fails. */
const TIMEOUT_MS = 20_000;
const here = fileURLToPath(new URL(".", import.meta.url));
// Below `node_modules`, so that the bundles find the packages that they leave out.
const folder = mkdtempSync(`${here}../node_modules/.tests-`);
try {
  const tests = readdirSync(here, { recursive: true }).filter((path) => path.endsWith(".test.ts"));
  await bundle(`${folder}/site`);
  await build({
    ...options(true),
    format: "esm",
    platform: "node",
    packages: "external",
    sourcemap: "inline",
    entryPoints: tests.map((path) => here + path),
    outdir: `${folder}/tests`,
    outExtension: { ".js": ".mjs" },
  });
  const bundles = readdirSync(`${folder}/tests`, { recursive: true }).filter((path) => path.endsWith(".mjs"));
  const { status } = spawnSync(
    process.execPath,
    ["--enable-source-maps", "--test", `--test-timeout=${TIMEOUT_MS}`, ...process.argv.slice(2), ...bundles.map((path) => `${folder}/tests/${path}`)],
    { stdio: "inherit", env: { ...process.env, SITE: `${folder}/site` } },
  );
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true });
}
