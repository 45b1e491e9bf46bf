"""Headless Chromium for tests of pages, driven over a pipe by its DevTools protocol, without further packages."""

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--remote-debugging-pipe",
    "--hide-scrollbars",
    "--no-first-run",
)

LAUNCH = """
import fcntl, os, sys
read, write = (fcntl.fcntl(int(fd), fcntl.F_DUPFD, 10) for fd in sys.argv[1:3])
os.dup2(read, 3)
os.dup2(write, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Chromium reads from file descriptor 3 and writes to 4."""


class Browser:
    """One page of a running Chromium. Every method waits for its result."""

    def __init__(self, reader, writer):
        self._reader, self._writer = reader, writer
        self._n_sent, self._session, self.events = 0, None, []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method, **parameters):
        """Call a method of the protocol and return its result; events that arrive meanwhile are kept."""
        self._n_sent += 1
        message = {"id": self._n_sent, "method": method, "params": parameters}
        message |= {"sessionId": self._session} if self._session else {}
        self._writer.write(json.dumps(message).encode() + b"\0")
        self._writer.flush()
        while (answer := self._receive()).get("id") != self._n_sent:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def _receive(self):
        message = bytearray()
        while (byte := self._reader.read(1)) != b"\0":
            assert byte, "Chromium has ended"
            message += byte
        return json.loads(message)

    def resize(self, width, height=900, dark=False, media=""):
        """Set the size of the page, its colour scheme, and the medium: "print", or empty for the screen."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def open(self, path, ready="document.documentElement?.dataset.ready === 'true'"):
        """Open a file, and wait until an expression is true."""
        self.send("Page.navigate", url=path.as_uri())
        end = time.monotonic() + 60
        while not self.run(f"location.href === {json.dumps(path.as_uri())} && Boolean({ready})"):
            assert time.monotonic() < end, f"{path} is not ready"
            time.sleep(0.02)

    def run(self, expression):
        """Return the value of a JavaScript expression, or of the promise that it gives."""
        result = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def texts(self, selector):
        """Return the text of every element that a selector finds."""
        return self.run(f"[...document.querySelectorAll({json.dumps(selector)})].map(e => e.textContent)")

    def pairs(self, selector):
        """Return the texts of the first two cells of every table row that a selector finds, as a dictionary."""
        rows = f"[...document.querySelectorAll({json.dumps(selector)})]"
        return self.run(f"Object.fromEntries({rows}.map(row => [row.cells[0].textContent, row.cells[1].textContent]))")

    def click(self, selector, text=""):
        """Click the first element that a selector finds whose text begins with `text`."""
        elements = f"[...document.querySelectorAll({json.dumps(selector)})]"
        self.run(f"{elements}.find(e => e.textContent.startsWith({json.dumps(text)})).click()")

    def enter(self, selector, value, event):
        """Put a value into the first element that a selector finds, and tell it by an event."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.run(f"{element}.value = {json.dumps(value)}; {element}.dispatchEvent(new Event({json.dumps(event)}))")

    def press(self, key, code=0, text=""):
        """Press and release a key, such as Tab with the code 9."""
        key = {"key": key, "windowsVirtualKeyCode": code, **({"text": text} if text else {})}
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, **key)

    def picture(self, path, full=True):
        """Save a picture of the page."""
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=full)
        path.write_bytes(base64.b64decode(shot["data"]))


def find_browser():
    """Return the path of Chromium; skip the test where there is none."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("needs Chromium, which renders the page")
    return program


@contextmanager
def browser(folder):
    """Start Chromium with its profile in `folder`, and end it; skip the test where there is none."""
    program = find_browser()
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    command = [sys.executable, "-c", LAUNCH, str(theirs_in), str(theirs_out), program, *FLAGS]
    process = subprocess.Popen(
        [*command, f"--user-data-dir={folder}"], pass_fds=(theirs_in, theirs_out), stderr=subprocess.DEVNULL
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        with open(ours_in, "rb") as reader, open(ours_out, "wb") as writer:
            page = Browser(reader, writer)
            yield page
            page.send("Browser.close")
    finally:
        process.terminate()
        process.wait(timeout=30)
