"""What a system may lack: modules that only POSIX systems have."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

POSIX_ONLY = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog")
WITHOUT_THEM = f"""
import sys
sys.modules.update(dict.fromkeys({POSIX_ONLY}))
import importlib, pkgutil
from pathlib import Path
import shgae
names = [one.name for one in pkgutil.walk_packages(shgae.__path__, "shgae.") if one.name != "shgae.__main__"]
for name in names:
    importlib.import_module(name)
print(len(names))

from shgae.artifacts import crops
from shgae.artifacts.folders import locked
from shgae.errors import Refused
crops._allow_open_files(100_000)
folder = Path(sys.argv[1])
with locked(folder / "lock", folder / "x"):
    try:
        with locked(folder / "lock", folder / "x"):
            print("two hold one lock")
    except Refused:
        print("refused")
with locked(folder / "lock", folder / "x"):
    print("again")
"""


def test_every_module_is_imported_and_a_lock_holds_where_only_python_itself_is_there(tmp_path: Path) -> None:
    files = [one for one in (Path(__file__).parents[1] / "shgae").rglob("*.py") if one.name != "__main__.py"]
    done = subprocess.run([sys.executable, "-c", WITHOUT_THEM, tmp_path], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    # The package itself was imported before they were counted.
    assert done.stdout.split() == [f"{len(files) - 1}", "refused", "again"], done.stderr
