"""Headless Chromium over its DevTools pipe: no driver, no package, no port."""

from __future__ import annotations

import base64
import fcntl
import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
    "--remote-debugging-pipe",
)
# Chromium reads commands from descriptor 3 and writes to 4; the shell that starts it may use single digits only.
_START = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)
_SECONDS = 60


@dataclass
class Tab:
    """One page at one width."""

    pipe: Pipe
    session: str
    width: int
    """Of the screen, in CSS pixels; a page that is too wide makes the window's own ``innerWidth`` larger."""
    complaints: list[str] = field(default_factory=list)
    """What the console and the log said, and scripts that failed."""
    requests: list[str] = field(default_factory=list)
    """Every address that was asked for, without what stands in ``data:`` URLs."""

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Does one command of the protocol."""
        return self.pipe.send(method, parameters, self)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def screenshot(self, path: Path, *, top: int = 0, height: int | None = None) -> None:
        """Writes a PNG of a part of the page, or of all of it."""
        whole = self.evaluate("[document.documentElement.clientWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": top, "width": whole[0], "height": height or whole[1], "scale": 1}
        shot = self.send("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def heard(self, event: dict[str, Any]) -> None:
        """Keeps what matters of an event."""
        method, about = event["method"], event["params"]
        if method == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"].partition(";")[0])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(about["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(str(about["args"]))
        elif method == "Log.entryAdded":
            self.complaints.append(about["entry"]["text"])


class Pipe:
    """A running browser."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read = write, os.fdopen(read, "rb")
        self._numbers = itertools.count(1)
        self._rest = b""
        self.loaded: set[str] = set()

    def send(self, method: str, parameters: dict[str, Any], tab: Tab | None = None) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters} | ({"sessionId": tab.session} if tab else {})
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.next_message(tab)
            if answer.get("id") == number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def next_message(self, tab: Tab | None) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = self._read.read1(1 << 20)
            assert part, "chromium ended"
            self._rest += part
        text, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        if tab and "method" in message and message.get("sessionId") == tab.session:
            tab.heard(message)
            if message["method"] == "Page.loadEventFired":
                self.loaded.add(tab.session)
        return message

    def open(self, page: Path, width: int, height: int = 900, *, dark: bool = False) -> Tab:
        """Opens a page; returns when everything in it is loaded."""
        target = self.send("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.send("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        tab = Tab(self, session, width)
        for domain in ("Page", "Runtime", "Log", "Network"):
            tab.send(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        tab.send("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        tab.send("Emulation.setEmulatedMedia", features=[scheme])
        tab.send("Page.navigate", url=page.resolve().as_uri())
        while tab.session not in self.loaded:
            self.next_message(tab)
        tab.evaluate("Promise.all([...document.images].map(image => image.decode().catch(() => 0))).then(() => 1)")
        return tab


@contextmanager
def chromium(profile: Path) -> Iterator[Pipe]:
    """Starts the browser with a profile of its own, and ends it."""
    assert CHROMIUM
    # Above 10, so that neither is overwritten when both are put into their places.
    ours = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in os.pipe() + os.pipe()]
    to_read, to_write, from_read, from_write = ours
    command = [sys.executable, "-c", _START, str(to_read), str(from_write), CHROMIUM, *_FLAGS]
    process = subprocess.Popen(
        [*command, f"--user-data-dir={profile}", "about:blank"],
        pass_fds=(to_read, from_write),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(to_read)
    os.close(from_write)
    pipe = Pipe(to_write, from_read)
    try:
        yield pipe
        pipe.send("Browser.close", {})
    finally:
        try:
            process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
        os.close(to_write)
