"""A headless Chromium, driven by the DevTools protocol over its pipe (file descriptors 3 and 4)."""

import base64
import json
import os
import queue
import subprocess
import threading
import time
from pathlib import Path

ANSWER = 60  # timeout in seconds, generous for busy machines
FLAGS = [
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",  # the sandbox needs privileges that containers do not have
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "about:blank",
]


class Chromium:
    """A browser with its own profile; ends with the `with` block."""

    def __init__(self, program, profile):
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        # The shell connects the pipe to the descriptors that the browser expects.
        place = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        command = ["bash", "-c", place, "chromium", program, f"--user-data-dir={profile}", *FLAGS]
        with open(Path(profile) / "chromium.log", "wb") as log:
            self._process = subprocess.Popen(
                command,
                pass_fds=(to_browser, from_browser),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        os.close(to_browser)
        os.close(from_browser)
        self._number = 0
        self._lock = threading.Lock()
        self._answers = {}
        self._listeners = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.call("Browser.close")
            self._process.wait(10)
        except (OSError, RuntimeError, TimeoutError, subprocess.TimeoutExpired):
            os.killpg(self._process.pid, 9)
            self._process.wait()
        os.close(self._write)

    def page(self):
        """A new page."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})
        return Page(self, attached["sessionId"])

    def call(self, method, params=None, session=None):
        """Calls a method of the protocol and waits for its result."""
        with self._lock:
            self._number += 1
            number = self._number
            self._answers[number] = answer = queue.SimpleQueue()
            message = {"id": number, "method": method, "params": params or {}}
            if session:
                message["sessionId"] = session
            rest = json.dumps(message).encode() + b"\0"
            while rest:
                rest = rest[os.write(self._write, rest) :]
        try:
            result = answer.get(timeout=ANSWER)
        except queue.Empty:
            raise TimeoutError(f"the browser does not answer {method}") from None
        if result is None:
            raise RuntimeError("the browser has ended")
        if "error" in result:
            raise RuntimeError(f"{method}: {result['error']['message']}")
        return result["result"]

    def listen(self, session, listener):
        """Passes each event of a page to `listener(method, params)`."""
        self._listeners[session] = listener

    def _listen(self):
        unread = b""
        while chunk := os.read(self._read, 1 << 20):
            *messages, unread = (unread + chunk).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    self._answers.pop(message["id"]).put(message)
                elif listener := self._listeners.get(message.get("sessionId")):
                    listener(message["method"], message["params"])
        os.close(self._read)
        for answer in list(self._answers.values()):
            answer.put(None)


class Page:
    """A page of the browser, with its problems and its requests."""

    def __init__(self, browser, session):
        self._browser = browser
        self._session = session
        self.problems = []
        self.requests = []
        self._loads = queue.SimpleQueue()
        browser.listen(session, self._note)
        for domain in ["Page", "Runtime", "Log", "Network"]:
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", {"enabled": True})

    def call(self, method, params=None):
        return self._browser.call(method, params, self._session)

    def _note(self, method, params):
        if method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            result = [one.get("value", one.get("description")) for one in params["args"]]
            self.problems.append(f"console {params['type']}: {result}")
        elif method == "Runtime.exceptionThrown":
            self.problems.append(f"exception: {params['exceptionDetails']}")
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            entry = params["entry"]
            self.problems.append(f"{entry['source']}: {entry['text']} {entry.get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Page.lifecycleEvent" and params["name"] == "load":
            self._loads.put(params["loaderId"])

    def go(self, url):
        loader = self.call("Page.navigate", {"url": url})["loaderId"]
        # An event of the previous empty page may arrive late.
        while self._load() != loader:
            pass

    def reload(self):
        while not self._loads.empty():
            self._loads.get()
        self.call("Page.reload")
        self._load()

    def _load(self):
        """Waits until a page has loaded, and returns its loader."""
        try:
            return self._loads.get(timeout=ANSWER)
        except queue.Empty:
            raise TimeoutError("the page does not load") from None

    def run(self, script):
        """The value of a script's last expression; promises are awaited."""
        params = {"expression": script, "awaitPromise": True, "returnByValue": True}
        result = self.call("Runtime.evaluate", params)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait(self, script, seconds=ANSWER):
        """Waits until a script's value is true, and returns it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := self.run(script):
                return value
            time.sleep(0.05)
        raise TimeoutError(f"in vain: {script}")

    def size(self, width, height):
        phone = width < 500
        values = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        self.call("Emulation.setDeviceMetricsOverride", values)

    def scheme(self, name):
        feature = {"name": "prefers-color-scheme", "value": name}
        self.call("Emulation.setEmulatedMedia", {"features": [feature]})

    def scripts(self, on):
        self.call("Emulation.setScriptExecutionDisabled", {"value": not on})

    def press(self, key, code):
        for kind in ["rawKeyDown", "keyUp"]:
            values = {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code}
            if kind == "rawKeyDown" and key == "Enter":
                values |= {"type": "keyDown", "text": "\r"}
            self.call("Input.dispatchKeyEvent", values)

    def type(self, text):
        self.call("Input.insertText", {"text": text})

    def html(self):
        """The page's HTML, even if scripts are disabled."""
        root = self.call("DOM.getDocument", {"depth": 0})["root"]["nodeId"]
        return self.call("DOM.getOuterHTML", {"nodeId": root})["outerHTML"]

    def picture(self, path, height=None):
        """Writes a PNG of the page or of its uppermost pixels, without a scroll bar."""
        self.call("Emulation.setScrollbarsHidden", {"hidden": True})
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height or size["height"], "scale": 1}
        params = {"format": "png", "captureBeyondViewport": True, "clip": clip}
        data = self.call("Page.captureScreenshot", params)["data"]
        Path(path).write_bytes(base64.b64decode(data))

    def nodes(self):
        """The accessibility tree: pairs of role and name of all nodes that are not ignored."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node["ignored"]
        ]
