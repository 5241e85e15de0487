"""The tests reach no other machine, and none of them can wait for ever."""

from __future__ import annotations

import ast
import socket
from pathlib import Path

import pytest

TESTS = sorted(Path(__file__).parent.rglob("*.py"))
WAITING = {"subprocess.run", "subprocess.check_output", "subprocess.check_call", "subprocess.call"}


def test_another_machine_is_not_reached_and_this_one_is() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other, pytest.raises(PermissionError, match="192.0.2.1"):
        other.connect(("192.0.2.1", 9))
    with pytest.raises(PermissionError, match=r"example\.org"):
        socket.getaddrinfo("example.org", 80)
    with socket.create_server(("127.0.0.1", 0)) as here, socket.create_connection(here.getsockname(), timeout=5):
        pass


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.relative_to(TESTS[0].parent).as_posix())
def test_no_subprocess_is_waited_for_without_a_limit(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if not any(word in text for word in ("subprocess", "communicate", "process.wait")):
        return
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name, given = ast.unparse(node.func), {keyword.arg for keyword in node.keywords}
        if name.endswith("process.wait") and node.args:
            given.add("timeout")
        waits = name in WAITING or name.endswith((".communicate", "process.wait"))
        assert not waits or "timeout" in given, f"{path.name}:{node.lineno}: {name} without a timeout"
