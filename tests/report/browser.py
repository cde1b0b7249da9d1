# SPDX-License-Identifier: MIT
"""A browser without a window, driven through its DevTools protocol with Python alone.

A Browser is a Chromium process with a profile of its own; it has one Tab. Commands go over a
WebSocket (RFC 6455), events are kept in lists by their name until somebody looks.
"""
import base64
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import urllib.request

START_SECONDS = 30
ANSWER_SECONDS = 20
FRAME_BYTES_MAX = 125  # what fits into the short form of a length


class WebSocket:
    """A client's side of one connection; text messages only."""

    def __init__(self, host, port, path):
        self.socket = socket.create_connection((host, port), timeout=ANSWER_SECONDS)
        self.buffer = b""
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n"
                             "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
                             ).encode())
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            raise ConnectionError(head.decode(errors="replace"))

    def _more(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise ConnectionError("the browser closed the connection")
        return data

    def _take(self, count):
        while len(self.buffer) < count:
            self.buffer += self._more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def send(self, text):
        data, mask = text.encode(), os.urandom(4)
        if len(data) <= FRAME_BYTES_MAX:
            head = struct.pack("!BB", 0x81, 0x80 | len(data))
        elif len(data) < 1 << 16:
            head = struct.pack("!BBH", 0x81, 0x80 | 126, len(data))
        else:
            head = struct.pack("!BBQ", 0x81, 0x80 | 127, len(data))
        long_mask = mask * (len(data) // 4 + 1)
        body = bytes(a ^ b for a, b in zip(data, long_mask))
        self.socket.sendall(head + mask + body)

    def receive(self):
        """The next message; pings are answered, fragments put together."""
        text = b""
        while True:
            first, second = self._take(2)
            length = second & 0x7f
            if length == 126:
                length, = struct.unpack("!H", self._take(2))
            elif length == 127:
                length, = struct.unpack("!Q", self._take(8))
            data = self._take(length)
            if first & 0x0f == 0x9:
                self.socket.sendall(struct.pack("!BB", 0x8a, 0x80) + b"\0\0\0\0")
            elif first & 0x0f == 0x8:
                raise ConnectionError("the browser closed the connection")
            else:
                text += data
                if first & 0x80:
                    return text.decode()


class Tab:
    """A page: commands, events, and what one does with a keyboard and a mouse."""

    def __init__(self, web_socket):
        self.web_socket = web_socket
        self.count = 0
        self.events = {}
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(domain + ".enable")

    def call(self, method, **parameters):
        self.count += 1
        wanted = self.count
        self.web_socket.send(json.dumps({"id": wanted, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.web_socket.receive())
            if message.get("id") == wanted:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]
            if "method" in message:
                self.events.setdefault(message["method"], []).append(message["params"])

    def run(self, expression):
        """The value of an expression of JavaScript, which may be a promise."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description") or
                               details["text"])
        return result["result"].get("value")

    def wait(self, expression, seconds=10):
        """Until an expression is true. Returns whether it became so."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.run(expression):
                return True
            time.sleep(0.02)
        return False

    def open(self, url, ready):
        # A page that differs in what follows the '#' only would not be loaded again.
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=url)
        return self.wait(ready)

    def size(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)

    def mouse(self, kind, x, y, **more):
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, x, y):
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", buttons=1, clickCount=1)

    def drag(self, x0, x1, y):
        self.mouse("mouseMoved", x0, y)
        self.mouse("mousePressed", x0, y, button="left", buttons=1, clickCount=1)
        self.mouse("mouseMoved", (x0 + x1) / 2, y, button="left", buttons=1)
        self.mouse("mouseMoved", x1, y, button="left", buttons=1)
        self.mouse("mouseReleased", x1, y, button="left", clickCount=1)

    def key(self, key):
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def picture(self, path):
        data = self.call("Page.captureScreenshot", captureBeyondViewport=False)["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))


class Browser:
    """The process. Use with `with`: it ends, and its profile goes, at the end of the block."""

    def __init__(self, program):
        self.profile = tempfile.mkdtemp(prefix="report-")
        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-extensions", "--disable-background-networking", "--disable-sync",
             "--disable-dev-shm-usage", "--hide-scrollbars", "--window-size=1400,1000",
             "--remote-debugging-port=0", f"--user-data-dir={self.profile}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=dict(os.environ, HOME=self.profile))

    def __enter__(self):
        return self

    def tab(self):
        """Connect to its page, once the browser says on which port it listens."""
        port_file = pathlib.Path(self.profile) / "DevToolsActivePort"
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"the browser ended with status {self.process.returncode}")
            try:
                port = int(port_file.read_text().split()[0])
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
                    pages = [p for p in json.load(answer) if p["type"] == "page"]
                path = pages[0]["webSocketDebuggerUrl"].split(f":{port}", 1)[1]
                return Tab(WebSocket("127.0.0.1", port, path))
            except (OSError, ValueError, IndexError):
                time.sleep(0.05)
        raise RuntimeError("the browser does not listen")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)
