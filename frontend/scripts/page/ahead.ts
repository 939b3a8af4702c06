// The first requests, made while the wasm is still on its way.
//
// Assertion, grant and start are three round trips, about as long as the wasm takes on a slow phone: a message typed in the first
// second is acknowledged that much sooner. `wake.ts` says when; `app/src/transport/ahead.rs` takes the answers.
//
// Invariants: each answer is used once. A ticket that nobody took is forgotten before its 30 seconds are over. A page whose host
// says who the visitor is does not hold this script, and where cookies are refused it does nothing: there only the wasm knows who
// the visitor is (`app/src/transport/keep.rs`).

/** The part of the page's settings (`WidgetSettings`) that is read here. */
interface Settings {
  bot: { name: string; id: string };
  platform: { base: string; sign_url: string };
  texts: { language: string };
}

/** A ticket lasts 30 seconds; using it takes a moment. */
const TICKET_MS = 25_000;

const answers = new Map<string, Promise<Response>>();

const post = (url: string, body: object, headers?: object): Promise<Response> =>
  fetch(url, { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) });

/** What the answer says. The answer itself stays unread, for the wasm. */
const read = (answer: Response): Promise<any> => {
  if (!answer.ok) throw answer;
  return answer.clone().json();
};

/** Does this frame keep a cookie as the visitor's is kept? */
function cookies(): boolean {
  const probe = "parlour-probe=";
  const kind = ";Secure;SameSite=None;Partitioned";
  document.cookie = `${probe}1${kind}`;
  const kept = document.cookie.includes(`${probe}1`);
  if (kept) document.cookie = `${probe};Max-Age=0${kind}`;
  return kept;
}

/** Another tab of the visitor has the socket (`app/src/transport/tabs.rs`): this one needs no ticket. */
async function anotherLeads(bot: string, user: string): Promise<boolean> {
  const { held } = await navigator.locks.query();
  return !!held?.some((lock) => lock.name === `parlour:${bot}:${user}`);
}

/** Asks for one after the other, each with the body that `app/src/transport/requests.rs` sends. A step that fails ends it. */
function ask({ bot, platform, texts: { language } }: Settings): void {
  const grantUrl = `${platform.base}oAuth/token/jwtgrant`;
  const startUrl = `${platform.base}rtm/start`;
  const botInfo = { chatBot: bot.name, taskBotId: bot.id, uiVersion: "v3" };

  const assertion = post(platform.sign_url, { bot: bot.id });
  const grant = assertion.then(read).then(({ jwt }) => post(grantUrl, { assertion: jwt, botInfo }));
  const start = grant.then(read).then(async ({ userInfo, authorization }) => {
    if (await anotherLeads(bot.id, userInfo.userId)) throw new Error("another tab leads");
    setTimeout(() => answers.delete(startUrl), TICKET_MS);
    return post(startUrl, { botInfo, language }, { Authorization: `bearer ${authorization.accessToken}` });
  });
  for (const [url, answer] of [[platform.sign_url, assertion], [grantUrl, grant], [startUrl, start]] as const) {
    answers.set(url, answer);
    // Whoever takes it hears of its end; who does not, does not care.
    answer.catch(() => {});
  }
}

globalThis.parlourAhead = {
  go() {
    try {
      // Without `parlourEarly` there is no WebAssembly, so nobody to take the answers.
      if (globalThis.parlourEarly && cookies()) ask(JSON.parse(document.querySelector("#settings")!.textContent!));
    } catch {
      // Then the wasm asks by itself.
    }
  },
  take(url) {
    const answer = answers.get(url);
    answers.delete(url);
    return answer;
  },
};
