"""Without any network: importing and running open no socket."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import environment
from tests.faults.conftest import MAKES, STEPS, ProcessGroup, Result, Server
from tests.promises import Kept

OFFLINE = "Importing and running open no connection, not even to this machine"
IMPORT = """
import importlib, pkgutil, sys
from tests.faults.server import refuse_sockets
sys.addaudithook(refuse_sockets)
import shgae
for module in pkgutil.walk_packages(shgae.__path__, "shgae."):
    importlib.import_module(module.name)
"""


def test_every_module_is_imported_without_a_socket() -> None:
    subprocess.run([sys.executable, "-c", IMPORT], check=True, timeout=240, env=environment())


@pytest.mark.torture
def test_the_whole_chain_runs_without_a_socket(server: Server, world: ProcessGroup, tmp_path: Path, kept: Kept) -> None:
    here = world.copy(tmp_path / "here")
    more = {"evaluate": "evaluate made/baseline made/data", "predict": "predict made/baseline drawn/val/photos"}
    for step, words in (STEPS | more).items():
        ended = server.run(here, f"{words} -o {step}", offline=True)
        assert ended.code == 0, ended.err
        if step in MAKES:
            assert Result.of(here / step) == world.result(step)
    kept(OFFLINE, len(STEPS | more), "commands")
