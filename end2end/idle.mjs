// Measures what an idle socket costs, by hand. Starts its own Parlour:
//   node idle.mjs PATH_TO_PARLOUR SITE [SOCKETS]
// Every socket belongs to its own user, was signed in for real and has had its welcome.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [binary, site, count = "2000"] = process.argv.slice(2);
const data = mkdtempSync(join(tmpdir(), "parlour-idle-"));
const server = spawn(binary, ["--listen", "127.0.0.1:0", "--data", data, "--site", site], {
  env: {
    ...process.env,
    PARLOUR_SERVER__MAX_CONNECTIONS_PER_ADDRESS: "0",
    PARLOUR_RATE__SIGN_ADDRESS_PER_MINUTE: "0",
    PARLOUR_LOG__LEVEL: "error",
  },
  stdio: ["ignore", "pipe", "inherit"],
});
const base = await new Promise((found) => {
  let text = "";
  server.stdout.on("data", (chunk) => {
    const address = /listening on (http\S+)/.exec((text += chunk));
    if (address) found(address[1]);
  });
});
const secret = readFileSync(join(data, "demo-app.secret"), "utf8").trim();
const resident = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))[1]);
const post = async (path, body, headers = {}) => {
  const answer = await fetch(base + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
};
const botInfo = { chatBot: "Demo", taskBotId: "st-demo" };

async function open(number) {
  const identity = `idle-${number}`;
  const { jwt } = await post("/api/users/sts", { clientId: "cs-demo", clientSecret: secret, identity });
  const grant = await post("/api/oAuth/token/jwtgrant", { assertion: jwt, botInfo });
  const authorization = `bearer ${grant.authorization.accessToken}`;
  const { url } = await post("/api/rtm/start", { botInfo }, { authorization });
  const { hostname, port, pathname, search } = new URL(url);
  return new Promise((welcomed, failed) => {
    const socket = connect(Number(port), hostname);
    socket.once("error", failed);
    socket.write(
      `GET ${pathname}${search} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`,
    );
    socket.on("data", (chunk) => chunk.includes("bot_response") && welcomed(socket));
  });
}

const WARM = 1500;
const sockets = [];
for (let number = 0; number < WARM; number++) sockets.push(await open(number)); // fills caches
const before = resident();
for (let number = WARM; number < WARM + Number(count); number += 20) {
  sockets.push(...(await Promise.all(Array.from({ length: 20 }, (_, k) => open(number + k)))));
}
await new Promise((settled) => setTimeout(settled, 12_000)); // keep-alive connections of the requests end
const after = resident();
console.log({ sockets: sockets.length, rss_kB: after, per_socket_kB: ((after - before) / Number(count)).toFixed(2) });
sockets.forEach((socket) => socket.destroy());
server.kill("SIGTERM");
await new Promise((ended) => server.once("exit", ended));
rmSync(data, { recursive: true });
