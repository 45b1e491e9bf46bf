"""A Hugging Face Hub on loopback, small but enough for `huggingface_hub`, `transformers` and `datasets`.

    with LoopbackHub() as hub:
        subprocess.run(command, env=hub.env(home))

Its state is in memory, git's semantics are kept, and nothing is fetched from elsewhere.
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.hub.api import answer
from tests.hub.messages import HubError, Reply, Request

TOKEN = "hf_loopbacktoken"
LOST, UNANSWERED = "lost", "unanswered"


class LoopbackHub:
    """The server and its state.

    `log` lists every request as (method, path, status, user). `faults` holds [pattern, what, times] and makes matching
    requests fail: `what` is the status of the answer, or `LOST` for a connection that drops before the request is
    acted upon, or `UNANSWERED` for one that drops afterwards. `watch`, where there is one, is called with a request
    and whether it was acted upon, before and after that. `bugs` lists the requests that could not be answered: none,
    if all is well.
    """

    def __init__(self):
        self.lock = threading.RLock()
        self.users = {TOKEN: {"name": "me", "orgs": ["my-org"]}}
        self.repos = {}
        self.lfs = {}
        self.xet_address = None
        self.log = []
        self.faults = []
        self.watch = lambda request, acted_upon: None
        self.bugs = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"hub": self}))
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a client that hangs up is its own affair
        port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{port}"
        self.cdn = f"http://localhost:{port}"  # another origin, as that of large files

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def env(self, home):
        """Return what a process must find in its environment to live with this hub alone."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_TOKEN": TOKEN,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
            "HF_UPDATE_DOWNLOAD_COUNTS": "0",
            "DISABLE_SAFETENSORS_CONVERSION": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }

    def large_file(self, oid):
        """Return the content and the Xet hash of a large file; None for what there is not."""
        return self.lfs.get(oid), None

    def find(self, kind, name, user, write=False):
        """Return the repository, as far as the user may see it or write to it."""
        repo = self.repos.get((kind or "model", name))
        owned = user is not None and name.split("/")[0] in [user["name"], *user["orgs"]]
        if write and user is None:
            raise HubError(401, "Invalid username or password.")
        if repo is None or (repo.private and not owned):
            raise HubError(404 if user else 401, "Repository not found", "RepoNotFound")
        if write and not owned:
            raise HubError(403, f"You don't have the rights to write to {name}")
        return repo

    def fault_of(self, request):
        """What shall go wrong with a request, or None."""
        for fault in self.faults:
            pattern, what, times = fault
            if times > 0 and re.search(pattern, request):
                fault[2] -= 1
                return what
        return None


class Handler(BaseHTTPRequestHandler):
    hub: LoopbackHub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def handle_any(self):
        hub, body, request = self.hub, self.read_body(), f"{self.command} {self.path}"
        with hub.lock:
            fault = hub.fault_of(request)
            hub.watch(request, False)
        reply, user = Reply(), None
        if fault != LOST:
            reply, user = self.reply_to(body, fault)
        hub.log.append((self.command, self.path, fault or reply.status, user and user["name"]))
        hub.watch(request, True)
        if fault in (LOST, UNANSWERED):
            self.close_connection = True
        else:
            self.send_reply(reply)

    def reply_to(self, body, fault):
        """Act upon the request; return what to answer, and who asked."""
        hub, user = self.hub, None
        try:
            if isinstance(fault, int):
                raise HubError(fault, "injected fault")
            user = self.authenticate()
            url = urlsplit(self.path)
            query = {key: values[-1] for key, values in parse_qs(url.query).items()}
            with hub.lock:
                return answer(Request(hub, self.command, url.path, query, self.headers, body, user)), user
        except HubError as error:
            return Reply({"error": str(error)}, error.status, error.headers), user
        except Exception as error:  # a gap of this server: kept for the end of the test; clients would retry a 5xx
            hub.bugs.append(f"{self.command} {self.path}: {error!r}")
            return Reply({"error": f"bug of the loopback hub: {error!r}"}, 400), user

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any

    def authenticate(self):
        token = self.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if token and token not in self.hub.users:
            raise HubError(401, "Invalid credentials in Authorization header")
        return self.hub.users.get(token)

    def read_body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size + 2)[:-2]
        self.rfile.readline()
        return body

    def send_reply(self, reply):
        binary = isinstance(reply.body, bytes)
        data = reply.body if binary else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/octet-stream" if binary else "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in reply.headers.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
