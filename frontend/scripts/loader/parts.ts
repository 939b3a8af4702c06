// The elements that stand in the host page: in a closed shadow root, so that its CSS changes nothing about them, and made without
// an HTML string, so that its policy may forbid those.
import adaptedCss from "./adapted.css";
import { createElement, createSvg } from "./document";
import launcherCss from "./launcher.css";
import previewCss from "./preview.css";
import { bot, option } from "./settings";
import windowCss from "./window.css";

/** The highest number that leaves room for a page that wants something above the chat. */
const Z_INDEX = "2147483000";
const CLOSE = "m5.5 5.5 9 9m0-9-9 9";

export function make<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, className?: string, parent?: Node): HTMLElementTagNameMap[Tag] {
  const node = createElement(tag);
  if (className) node.className = className;
  parent?.appendChild(node);
  if (tag === "button") (node as HTMLButtonElement).type = "button";
  return node;
}

function icon(className: string, path: string, parent: Element): void {
  const svg = createSvg("svg");
  const line = createSvg("path");
  svg.setAttribute("class", className);
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  line.setAttribute("d", path);
  svg.append(line);
  parent.append(svg);
}

export function closeButton(parent: Element): HTMLButtonElement {
  const button = make("button", "round", parent);
  icon("", CLOSE, button);
  return button;
}

const css = (launcherCss + windowCss + previewCss + adaptedCss).replace(Z_INDEX, String(Number(option("z")) || Z_INDEX));

export const host = make("div");
host.setAttribute("data-parlour", bot);
export const shadow = host.attachShadow({ mode: "closed" });
try {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  shadow.adoptedStyleSheets = [sheet];
} catch {
  // Before Safari 16.4.
  make("style", "", shadow).textContent = css;
}
export const stage = make("div", "", shadow);
export const panel = make("div", "window", stage);
panel.id = "window";
panel.setAttribute("role", "dialog");
panel.tabIndex = -1;
/** The region is there before its text, or it is not announced. */
export const live = make("div", "", stage);
live.setAttribute("aria-live", "polite");
export const launcher = make("button", "launcher", stage);
launcher.setAttribute("aria-haspopup", "dialog");
icon("bubble", "M10 3.5c4.1 0 7 2.6 7 6s-2.9 6-7 6a8.7 8.7 0 0 1-2.3-.3L4 16.5l.7-2.9A5.7 5.7 0 0 1 3 9.5c0-3.4 2.9-6 7-6Z", launcher);
icon("down", "m5 8 5 5 5-5", launcher);
export const badge = make("span", "badge", launcher);
badge.setAttribute("aria-hidden", "true");

// The window's outline: there at once, and all there is while the frame's page is not.
const outline = make("div", "outline", panel);
const head = make("div", "head", outline);
export const heading = make("b", "", head);
export const shut = closeButton(head);
export const middle = make("div", "middle", outline);
const trouble = make("div", "trouble", outline);
export const status = make("p", "", trouble);
status.id = "status";
status.setAttribute("role", "status");
export const again = make("button", "again", trouble);
export const box = make("div", "field", outline);
export const field = make("textarea", "", box);
field.rows = 1;
field.setAttribute("aria-describedby", "status");
export const send = make("button", "round", box);
icon("", "M10 15.5v-11M5.5 9 10 4.5 14.5 9", send);
