// Several nodes behind a proxy are restarted one after the other, as by an update: no request fails, nothing said is lost.
import { KINDS, type Kind } from "../fixtures/proxy";
import { Nodes } from "../fixtures/nodes";
import { BOT, testApp } from "../fixtures/platform";
import { expect, test as base } from "../fixtures/test";
import { Widget } from "../fixtures/widget";

const VISITORS = 4;
// The visitors of this story are one browser, and so one person.
const UNLIMITED = `[rate]
sign_address_per_minute = 0
sign_identity_per_minute = 0
grant_identity_per_minute = 0
platform_token_per_minute = 0
user_messages_per_day = 0
`;

const test = base.extend<{ startNodes: (kind: Kind) => Promise<Nodes> }>({
  startNodes: async ({}, use) => {
    const started: Nodes[] = [];
    await use(async (kind) => {
      const nodes = await Nodes.start(kind, testApp({ more: UNLIMITED }));
      started.push(nodes);
      return nodes;
    });
    await Promise.all(started.map((nodes) => nodes.remove()));
  },
});
test.use({ ignoreHTTPSErrors: true });

// In the page: visitors who come, sign in, open a socket, say something, hear that it is stored, and leave, again and again.
// A socket that the server closes with 1001 is opened again, as the protocol says; everything else that fails is noted.
async function visit({ visitors, bot }: { visitors: number; bot: string }): Promise<void> {
  const load = Object.assign(window as any, { load: { ended: false, failures: [] as string[], requests: 0, stored: 0, reopened: 0 } }).load;
  const ask = async (what: string, init?: RequestInit): Promise<Response> => {
    load.requests++;
    const answer = await fetch(what, init);
    if (!answer.ok) throw new Error(`${what}: ${answer.status} ${await answer.text()}`);
    return answer;
  };
  const post = async (what: string, body: object, token?: string): Promise<any> => {
    const authorization: Record<string, string> = token ? { authorization: `bearer ${token}` } : {};
    const headers = { "content-type": "application/json", ...authorization };
    return (await ask(what, { method: "POST", headers, body: JSON.stringify(body) })).json();
  };
  // Whether it was stored, or the server ended the socket before it said so.
  const say = (url: string, id: string): Promise<boolean> =>
    new Promise((resolve, reject) => {
      load.requests++;
      const socket = new WebSocket(url);
      let opened = false;
      socket.onopen = () => {
        opened = true;
        const message = { clientMessageId: id, resourceid: "/bot.message", message: { body: "hello" }, client: "sdk", id };
        socket.send(JSON.stringify({ ...message, botInfo: { chatBot: "Demo bot", taskBotId: bot } }));
      };
      socket.onmessage = ({ data }) => {
        const frame = JSON.parse(data);
        if (frame.type !== "ack" || frame.replyto !== id) return;
        socket.close();
        resolve(true);
      };
      socket.onclose = ({ code }) => {
        if (opened && code === 1001) resolve(false);
        else reject(new Error(`a socket ${opened ? "was closed with" : "did not open:"} ${code}`));
      };
    });
  const visitor = async (): Promise<void> => {
    for (let n = 0; !load.ended; n++) {
      try {
        await (await ask("/chat/demo")).text();
        const { jwt } = await post("/api/users/sts", { bot });
        const { authorization } = await post("/api/oAuth/token/jwtgrant", { assertion: jwt });
        const token = authorization.accessToken;
        const id = `visit-${n}`;
        for (let stored = false; !stored; ) {
          const { url } = await post("/api/rtm/start", { botInfo: { chatBot: "Demo bot", taskBotId: bot } }, token);
          stored = await say(url, id);
          if (!stored) load.reopened++;
        }
        await (await ask(`/api/botmessages/rtm?botId=${bot}&limit=20`, { headers: { authorization: `bearer ${token}` } })).json();
        load.stored++;
      } catch (error) {
        load.failures.push(String(error));
      }
    }
  };
  void Promise.all(Array.from({ length: visitors }, visitor)).then(() => (load.done = true));
}

for (const kind of KINDS) {
  test(`a rolling restart behind ${kind} fails no request`, async ({ page, browser, startNodes }) => {
    const all = await startNodes(kind);
    const { nodes, baseURL } = all;
    await page.goto(`${baseURL}/chat/demo`);
    const widget = new Widget(page);
    await widget.welcomed();
    await widget.say("hello");
    await expect(widget.row("Nice to meet you")).toHaveCount(1);

    const crowd = await browser.newPage({ ignoreHTTPSErrors: true });
    await crowd.goto(`${baseURL}/nowhere`);
    await crowd.evaluate(visit, { visitors: VISITORS, bot: BOT });
    const stored = () => crowd.evaluate<number>("load.stored");
    const goesOn = async () => {
      const before = await stored();
      await expect.poll(stored).toBeGreaterThan(before + VISITORS);
    };
    await goesOn();
    for (const node of nodes) {
      const already = node.output.length;
      expect(await node.stop()).toBe(0);
      expect(node.output.slice(already)).not.toContain("ended before everything was finished");
      await goesOn();
      await node.launch();
      // The proxy has seen that it is back.
      const demo = () => crowd.evaluate(async () => (await fetch("/demo")).status);
      await expect.poll(demo, { intervals: [50] }).toBe(all.statusOf(node));
      await goesOn();
    }
    await crowd.evaluate("load.ended = true");
    await expect.poll(() => crowd.evaluate("load.done")).toBe(true);
    const load = await crowd.evaluate<{ failures: string[]; requests: number; stored: number; reopened: number }>("load");
    await crowd.close();
    console.log(`${kind}: ${load.requests} requests, ${load.stored} visits, ${load.reopened} sockets opened again`);
    expect(load.failures, all.proxy.output).toEqual([]);

    // Who was there all the time lost nothing.
    await widget.say("thanks");
    await expect(widget.row("You are welcome!")).toHaveCount(1);
    await widget.settled();
    await expect(widget.rows).toHaveCount(6);
  });
}
