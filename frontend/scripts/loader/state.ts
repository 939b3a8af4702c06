// What all parts of the loader share, and how it is shown.
import { readableOn } from "./colour";
import { own } from "./document";
import { brand, isDark, isLeft, language, word } from "./look";
import { again, badge, field, heading, host, launcher, panel, send, shut, stage, status } from "./parts";
import { option } from "./settings";

export const state = {
  opened: false,
  /** Opened without a movement. */
  still: false,
  unread: 0,
  title: option("title") ?? "",
  /** The page of the frame has come, and not an error page in its place. */
  greeted: false,
  /** And has what was written in the outline. */
  there: false,
  /** That page says why there is no chat here. */
  refused: false,
  /** It is alive: it listens. */
  ready: false,
};

/** The window fills such a screen. */
export const phone = matchMedia("(max-width:480px),(max-height:500px)");
/** There a focus would raise the keyboard. */
export const touch = matchMedia("(hover:none)").matches;
/** Whether the focus is in the widget. A frame in it counts. */
export const hasFocus = (): boolean => own("activeElement") === host;

const label = (node: Element, text: string): void => node.setAttribute("aria-label", text);

/** Shows the state. */
export function draw(): void {
  const { opened, still, unread, title, greeted, there, refused } = state;
  const classes = { open: opened, greeted, there, refused, still, left: isLeft(), rtl: language === "ar", dark: isDark() };
  for (const [name, on] of Object.entries(classes)) stage.classList.toggle(name, on);
  stage.lang = language;
  stage.style.setProperty("--brand", brand);
  stage.style.setProperty("--on-brand", readableOn(brand));

  const name = title || word("chat");
  const action = word(opened ? "close" : "open");
  label(launcher, unread && !opened ? `${action}, ${word("unread").replace("%", String(unread))}` : action);
  launcher.setAttribute("aria-expanded", String(opened));
  if (opened) launcher.setAttribute("aria-controls", "window");
  else launcher.removeAttribute("aria-controls");
  badge.hidden = !unread || opened;
  badge.textContent = unread > 9 ? "9+" : String(unread);

  label(panel, name);
  panel.setAttribute("aria-modal", String(phone.matches));
  const frame = panel.querySelector("iframe");
  if (frame) frame.title = name;
  heading.textContent = name;
  label(shut, word("close"));
  label(field, word("message"));
  field.placeholder = word("placeholder");
  label(send, word("send"));
  again.textContent = word("again");
  again.hidden = !status.textContent;
}
