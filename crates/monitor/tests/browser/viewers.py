"""Many viewers of one page over plain sockets: some read, some do not, some reconnect."""

import json
import selectors
import socket
import threading
import time
from urllib.parse import urlparse


class Viewer:
    """A viewer with the newest HTML of each section and the newest frame."""

    def __init__(self, address, idle=False):
        self.address = address
        self._idle = idle
        self.sections = {}
        self.frame = None
        self.frames = 0
        self.connections = 0
        self.socket = None
        self.connect()

    def connect(self):
        if self.socket:
            self.socket.close()
        self.socket = socket.socket()
        self.socket.settimeout(30)
        if self._idle:
            # A large kernel buffer would hide that nobody reads.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(self.address)
        host, port = self.address
        resume = f"Last-Event-ID: {self.frame}\r\n" if self.frame else ""
        request = f"GET /events HTTP/1.1\r\nHost: {host}:{port}\r\n{resume}\r\n"
        self.socket.sendall(request.encode())
        self.socket.setblocking(False)
        self.connections += 1
        self._raw = b""
        self._text = None
        self._pending = {}
        self.ended = False

    def reconnect(self):
        """Connects again, as a browser does, and returns whether the server is still there."""
        try:
            self.connect()
        except ConnectionRefusedError:
            self.ended = True
        return not self.ended

    def read(self):
        try:
            chunk = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        self._raw += chunk
        if self._text is None:
            head, found, rest = self._raw.partition(b"\r\n\r\n")
            if not found:
                self.ended = not chunk
                return
            if not head.startswith(b"HTTP/1.1 200") or b"chunked" not in head.lower():
                raise AssertionError(f"refused: {head!r}")
            self._raw, self._text = rest, b""
        self._take_chunks()
        self.ended = self.ended or not chunk

    def _take_chunks(self):
        while True:
            size, found, rest = self._raw.partition(b"\r\n")
            if not found or len(rest) < int(size, 16) + 2:
                return
            size = int(size, 16)
            self._text += rest[:size]
            self._raw = rest[size + 2 :]
            if size == 0:
                self.ended = True
            *events, self._text = self._text.split(b"\n\n")
            for event in events:
                self._take(event)

    def _take(self, event):
        if event.startswith(b"event: section\n"):
            data = event.partition(b"\ndata: ")[2]
            name = data[: data.index(b'","html":"')]
            self._pending[name] = data
        elif event.startswith(b"id: "):
            # Sections of an incomplete frame are sent again.
            self.frame = event.split(b"\n")[0][4:].decode()
            self.sections |= self._pending
            self._pending = {}
            self.frames += 1

    def state(self):
        """The HTML of each section by name."""
        messages = map(json.loads, self.sections.values())
        return {one["section"]: one["html"] for one in messages}


class Viewers:
    """`number` viewers until the stream ends. `idle` of them do not read before `wake` is called, and
    `reconnecting` of them reconnect after every third frame."""

    def __init__(self, url, number, idle, reconnecting):
        where = urlparse(url)
        self.all = [Viewer((where.hostname, where.port), at < idle) for at in range(number)]
        self._idle = set(range(idle))
        self._reconnecting = set(range(idle, idle + reconnecting))
        self._awake = threading.Event()
        self._failure = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wake(self):
        """Lets the idle viewers read."""
        self._awake.set()

    def join(self, seconds):
        """Waits until all streams have ended."""
        self._thread.join(seconds)
        if self._failure:
            raise self._failure
        open_ = sum(not one.ended for one in self.all)
        if self._thread.is_alive() or open_:
            raise AssertionError(f"{open_} of {len(self.all)} streams did not end")

    def _run(self):
        try:
            self._read()
        except (OSError, AssertionError, ValueError) as error:
            self._failure = error

    def _read(self):
        with selectors.DefaultSelector() as selector:
            waiting = []
            for number, viewer in enumerate(self.all):
                if number in self._idle:
                    waiting.append(viewer)
                else:
                    selector.register(viewer.socket, selectors.EVENT_READ, (number, viewer))
            while selector.get_map() or waiting:
                if self._awake.is_set():
                    for viewer in waiting:
                        selector.register(viewer.socket, selectors.EVENT_READ, (None, viewer))
                    waiting = []
                if not selector.get_map():
                    time.sleep(0.05)
                for key, _ in selector.select(timeout=0.5):
                    number, viewer = key.data
                    frames = viewer.frames
                    viewer.read()
                    if viewer.ended:
                        selector.unregister(viewer.socket)
                        # The server disconnects a client that does not read for ten seconds.
                        if number is None and viewer.reconnect():
                            selector.register(viewer.socket, selectors.EVENT_READ, key.data)
                    elif number in self._reconnecting and viewer.frames // 3 > frames // 3:
                        if not self._awake.is_set():
                            selector.unregister(viewer.socket)
                            viewer.connect()
                            selector.register(viewer.socket, selectors.EVENT_READ, key.data)
