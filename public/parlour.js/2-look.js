  // ---- what stands in the page ----------------------------------------------------------------------------
  // Important declarations of a shadow root win over any of the page's, important or not; `all` does not cover
  // direction. Nothing here needs a style element, an attribute or an HTML string, so a strict host policy holds.
  const css = `
:host{all:initial!important;position:fixed!important;z-index:${+option("z") || 2147483000}!important;inset:auto!important;
direction:ltr!important;display:block!important;font:15px/22px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif!important;
--paper:#fff;--ink:#1b1b1e;--dim:#66645f;--edge:#8f8d88;--hover:#0000000f}
:host([hidden]){display:none!important}
*{box-sizing:border-box}
[hidden]{display:none!important}
.dark{--paper:#17171a;--ink:#f1f0ee;--dim:#a9a8ad;--edge:#6d6c72;--hover:#ffffff1f}
.rtl{direction:rtl}
button,textarea{all:unset;box-sizing:border-box}
button{cursor:pointer;-webkit-tap-highlight-color:transparent}
button:focus-visible{outline:2px solid transparent;box-shadow:0 0 0 2px #fff,0 0 0 4px #17171a}
svg{width:20px;height:20px;fill:none;stroke:currentColor;stroke-width:1.75;stroke-linecap:round;stroke-linejoin:round}
.launcher,.window,.preview{position:fixed;right:calc(var(--parlour-x,20px) + env(safe-area-inset-right));
bottom:calc(var(--parlour-y,20px) + 68px + env(safe-area-inset-bottom))}
.left .launcher,.left .window,.left .preview{right:auto;left:calc(var(--parlour-x,20px) + env(safe-area-inset-left))}
.launcher{bottom:calc(var(--parlour-y,20px) + env(safe-area-inset-bottom));width:56px;height:56px;border-radius:50%;
border:1px solid transparent;background:var(--brand);color:var(--on-brand);display:grid;place-items:center;
box-shadow:0 1px 3px #0003,0 6px 20px #0003;animation:in .15s ease-out;transition:transform .15s ease-out}
.launcher:focus-visible{box-shadow:0 0 0 2px #fff,0 0 0 4px #17171a,0 6px 20px #0003}
.launcher:hover{transform:scale(1.04)}
.launcher:active{transform:scale(.97)}
.launcher svg{grid-area:1/1;width:30px;height:30px;transition:transform .15s ease-out,opacity .15s ease-out}
svg.down,.open svg.bubble{opacity:0;transform:rotate(-30deg) scale(.6)}
.open svg.down{opacity:1;transform:none}
.badge{position:absolute;top:-3px;right:-3px;min-width:20px;height:20px;padding:0 5px;border-radius:10px;border:1px solid transparent;
background:#c4162e;color:#fff;box-shadow:0 0 0 2px #fff;font-size:12px;line-height:18px;font-weight:600;text-align:center;
font-variant-numeric:tabular-nums}
.left .badge{right:auto;left:-3px}
.window{width:400px;max-width:calc(100vw - 20px - var(--parlour-x,20px));
height:min(704px,100vh - 84px - var(--parlour-y,20px));height:min(704px,100dvh - 84px - var(--parlour-y,20px));border-radius:20px;overflow:hidden;visibility:hidden;opacity:0;
background:var(--paper);color:var(--ink);outline:0;box-shadow:0 0 0 1px #0000000f,0 2px 6px #0000001a,0 16px 48px #0003;transform:translateY(12px) scale(.97);
transform-origin:100% 100%;transition:transform .15s ease-in,opacity .15s ease-in,visibility 0s .15s}
.left .window{transform-origin:0 100%}
.open .window{visibility:visible;opacity:1;transform:none;transition:transform .2s ease-out,opacity .2s ease-out}
.still .window,.still .outline{transition:none}
iframe{display:block;width:100%;height:100%;border:0}
.outline{position:absolute;inset:0;display:flex;flex-direction:column;background:inherit}
.greeted .outline{opacity:0;transition:opacity .1s}
.there .outline{visibility:hidden;transition:opacity .1s,visibility 0s .1s}
.head,.field,.trouble{display:flex;align-items:center}
.head{min-height:60px;padding:8px;padding-inline-start:16px}
.head b{flex:1;font-size:16px;font-weight:600}
.round{display:grid;place-items:center;width:40px;height:40px;border:1px solid transparent;border-radius:50%;color:var(--dim)}
.round:hover,.again:hover{background:var(--hover)}
.middle{flex:1;overflow:auto;display:flex;flex-direction:column;gap:4px;padding:12px 16px;overflow-wrap:anywhere}
p{margin:0}
.mine{align-self:end;max-width:85%;padding:8px 14px;border:1px solid transparent;border-radius:18px;
background:var(--brand);color:var(--on-brand);white-space:pre-wrap;unicode-bidi:plaintext}
.mine:first-child{margin-top:auto}
.trouble{gap:12px;padding:0 24px 8px;color:var(--dim);font-size:13px;line-height:18px}
.trouble p{flex:1}
.again{padding:8px 16px;border:1px solid var(--edge);border-radius:12px;color:var(--ink);font-weight:500;line-height:22px}
.field{align-items:end;margin:4px 12px 12px;padding:3px;border:1px solid var(--edge);border-radius:24px}
.field:focus-within{border-color:currentColor;box-shadow:0 0 0 1px currentColor}
textarea{flex:1;min-width:0;min-height:40px;max-height:120px;padding:9px 14px;
overflow:auto;overflow-wrap:anywhere;white-space:pre-wrap;field-sizing:content;unicode-bidi:plaintext;text-align:start}
textarea::placeholder{color:var(--dim);opacity:1}
.field:not(:has(:placeholder-shown)) .round{background:var(--brand);color:var(--on-brand)}
.preview{width:300px;max-width:calc(100vw - 40px);
border-radius:16px;background:var(--paper);color:var(--ink);border:1px solid var(--hover);box-shadow:0 2px 6px #0000001a,0 8px 28px #00000026;
animation:in .2s ease-out}
.say{display:block;width:100%;padding:12px 16px;padding-inline-end:48px;border-radius:16px}
.say b{display:block;font-weight:600}
.say span{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:2;overflow:hidden;overflow-wrap:anywhere}
.preview .round{position:absolute;top:4px;inset-inline-end:4px}
@keyframes in{from{opacity:0;transform:scale(.9)}}
@media (max-width:480px),(max-height:500px){
.window,.left .window{inset:0;width:100%;max-width:none;height:100%;height:100dvh;border-radius:0;box-shadow:none}
.outline{padding:env(safe-area-inset-top) env(safe-area-inset-right) env(safe-area-inset-bottom) env(safe-area-inset-left)}
.open .launcher{top:8px;bottom:auto;width:44px;height:44px}
.open:not(.refused) .launcher{visibility:hidden}}
@media (max-height:500px){.preview{display:none}}
@media (pointer:coarse){.round{width:44px;height:44px}textarea{min-height:44px;padding:11px 14px;font-size:16px}.again{padding:11px 16px}}
@media (forced-colors:active){.window{border:1px solid}.field:focus-within{outline:2px solid}}
@media (prefers-reduced-motion:reduce){
.launcher,.launcher svg,.preview,.outline{animation:none;transition:none;transform:none!important}
.window,.open .window{transform:none;transition:opacity .1s,visibility .1s}}
@media print{:host{display:none!important}}`;

  const make = (tag, className, parent) => {
    const node = by("createElement", tag);
    if (className) node.className = className;
    if (parent) parent.append(node);
    if (tag === "button") node.type = "button";
    return node;
  };
  const icon = (className, path, parent) => {
    const svg = by("createElementNS", "http://www.w3.org/2000/svg", "svg");
    const line = by("createElementNS", svg.namespaceURI, "path");
    svg.setAttribute("class", className);
    svg.setAttribute("viewBox", "0 0 20 20");
    svg.setAttribute("aria-hidden", "true");
    line.setAttribute("d", path);
    svg.append(line);
    parent.append(svg);
  };

  const host = make("div");
  host.setAttribute("data-parlour", bot);
  const shadow = host.attachShadow({ mode: "closed" });
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    shadow.adoptedStyleSheets = [sheet];
  } catch {
    // Before Safari 16.4.
    make("style", "", shadow).textContent = css;
  }
  const stage = make("div", "", shadow);
  const panel = make("div", "window", stage);
  panel.id = "window";
  panel.setAttribute("role", "dialog");
  panel.tabIndex = -1;
  // The region is there before its text, or it is not announced.
  const live = make("div", "", stage);
  live.setAttribute("aria-live", "polite");
  const launcher = make("button", "launcher", stage);
  launcher.setAttribute("aria-haspopup", "dialog");
  icon("bubble", "M10 3.5c4.1 0 7 2.6 7 6s-2.9 6-7 6a8.7 8.7 0 0 1-2.3-.3L4 16.5l.7-2.9A5.7 5.7 0 0 1 3 9.5c0-3.4 2.9-6 7-6Z", launcher);
  icon("down", "m5 8 5 5 5-5", launcher);
  const badge = make("span", "badge", launcher);
  badge.setAttribute("aria-hidden", "true");

  // The window's outline: there at once, and all there is while the frame's page is not.
  const CLOSE = "m5.5 5.5 9 9m0-9-9 9";
  const outline = make("div", "outline", panel);
  const head = make("div", "head", outline);
  const heading = make("b", "", head);
  const shut = make("button", "round", head);
  icon("", CLOSE, shut);
  const middle = make("div", "middle", outline);
  const trouble = make("div", "trouble", outline);
  const status = make("p", "", trouble);
  status.id = "status";
  status.setAttribute("role", "status");
  const again = make("button", "again", trouble);
  const box = make("div", "field", outline);
  const field = make("textarea", "", box);
  field.rows = 1;
  field.setAttribute("aria-describedby", "status");
  const sendButton = make("button", "round", box);
  icon("", "M10 15.5v-11M5.5 9 10 4.5 14.5 9", sendButton);
