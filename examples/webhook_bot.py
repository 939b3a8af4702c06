# A bot behind a webhook (docs/bots.md), in Python without packages: KEY=whsec_… PORT=3000 python3 webhook_bot.py
import base64, hashlib, hmac, json, os, threading, time, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = base64.b64decode(os.environ["KEY"].removeprefix("whsec_"))


def sign(id, timestamp, body):
    tag = hmac.new(KEY, f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(tag).decode()


def is_ours(headers, body):
    id, timestamp, signatures = (headers.get(f"webhook-{name}", "0") for name in ("id", "timestamp", "signature"))
    fits = any(hmac.compare_digest(one, sign(id, timestamp, body)) for one in signatures.split())
    return fits and abs(time.time() - int(timestamp)) < 300


# Says something outside of a turn. The same id again says nothing new, so this may be tried again.
def say(url, id, reply):
    timestamp, body = str(int(time.time())), json.dumps(reply).encode()
    signed = {"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": sign(id, timestamp, body)}
    urllib.request.urlopen(urllib.request.Request(url, body, {"content-type": "application/json", **signed}), timeout=30)


class Bot(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if not is_ours(self.headers, body):
            return self.answer(401)
        event = json.loads(body)
        data, text = event["data"], event["data"].get("text")
        if event["type"] != "message.created":
            return self.answer(204)
        if text == "stream":
            self.answer(200, "application/x-ndjson")
            for delta in ["One ", "word ", "after ", "the ", "other."]:
                self.wfile.write(json.dumps({"delta": delta}).encode() + b"\n")
            return self.wfile.write(b'{"done": true}\n')
        if text == "later":
            late = [data["reply_url"], data["turn"] + "-later", {"text": "Here it is."}]
            threading.Timer(1, say, late).start()
            return self.answer(202)
        buttons = [{"title": f"Try {payload}", "payload": payload} for payload in ("stream", "later")]
        self.answer(200, "application/json")
        self.wfile.write(json.dumps({"text": f"You said: {text}", "buttons": buttons}).encode())

    def answer(self, status, kind=None):
        self.send_response(status)
        if kind:
            self.send_header("content-type", kind)
        self.end_headers()


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", 3000))), Bot)
print(f"listening on {server.server_address[1]}", flush=True)
server.serve_forever()
