// How the browser tests run: the system's Chromium, the built server.
import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: ".",
  testMatch: "acceptance/**/*.spec.ts",
  outputDir: "results",
  fullyParallel: true,
  // One more than the processors that are promised: a story waits for half of its time.
  workers: 3,
  // A story hangs on a browser that is not ours. One that fails is told again, once, by a new browser; if it passes then, it
  // counts as flaky in the summary of `cargo xtask test`, its trace is kept, and it is a fault to be mended.
  retries: 1,
  forbidOnly: Boolean(process.env.CI),
  // Room for a machine that is slow or busy: a story waits for a condition, and only one that fails waits this long.
  timeout: 300_000,
  // More than the longest pause before the widget tries a server again, which is half a minute.
  expect: { timeout: 60_000 },
  reporter: [["list"]],
  use: {
    browserName: "chromium",
    locale: "en-GB",
    timezoneId: "UTC",
    screenshot: "only-on-failure",
    // Without a picture of each step, which is a tenth of the work.
    trace: { mode: "retain-on-failure", screenshots: false, snapshots: true, sources: true },
    launchOptions: {
      // Playwright's own browser cannot be downloaded everywhere; `cargo xtask test` finds the system's.
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [
        // Root in a container has no sandbox; only our own pages are opened.
        "--no-sandbox",
        "--disable-gpu",
        // Playwright switches partitioned storage off, and then a frame on another site has none at all, in no browser
        // of today. Its own list, the last of its kind wins, without that one.
        "--disable-features=AcceptCHFrame,AvoidCorsURLLoaderRestartOnRedirect,DestroyProfileOnBrowserClose,DialMediaRouteProvider,GlobalMediaControls,HttpsUpgrades,LazyFrameLoading,MediaRouter,NetworkTimeServiceQuerying,OptimizationHints,PaintHolding,PreconnectToSearch,RenderDocument,Translate",
        // Everything below: no word to the outside.
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
