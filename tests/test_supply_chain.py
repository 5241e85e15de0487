"""What is built and what it brings: known files and known packages; installed by itself, it runs offline."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.promises import Kept

ROOT = Path(__file__).parents[1]
CLOSURE = frozenset(
    (
        *("annotated-doc", "annotated-types", "cloudpickle", "contourpy", "cycler", "filelock", "fonttools", "fsspec"),
        *(
            "jinja2",
            "joblib",
            "kiwisolver",
            "markdown-it-py",
            "markupsafe",
            "matplotlib",
            "mdurl",
            "mpmath",
            "narwhals",
        ),
        *("networkx", "numpy", "packaging", "pillow", "pycocotools", "pydantic", "pydantic-core", "pygments"),
        *("pyparsing", "python-dateutil", "rich", "safetensors", "scikit-learn", "scipy", "setuptools", "shellingham"),
        *(
            "six",
            "sympy",
            "tabulate",
            "threadpoolctl",
            "torch",
            "typer",
            "typing-extensions",
            "typing-inspection",
            "tzdata",
        ),
    )
)
"""Every package that ``pip install shgae`` brings, by itself or through another: looked at, one by one."""
OF_GPUS = re.compile(r"nvidia-.+|cuda-.+|triton|pytorch-triton")
"""What builds of torch for GPUs bring."""
SMALL_DEMO = """
import sys
from shgae.cli.app import main
from shgae.experiments import demo
assert demo.__file__.startswith(sys.prefix), demo.__file__
demo._PHOTOS = {"train": 12, "val": 4, "test": 6}
demo._EPOCHS = {"baseline": 1, "autoencoder": 1, "finetuned": 1}
sys.exit(main(["demo", "-o", "demo"]))
"""
"""The demo with fewer photos and epochs, by a shgae that lies in the environment that runs it."""


def closure(package: str) -> set[str]:
    """The packages that one brings on this machine without any extra, and those that they bring."""
    found: set[str] = set()
    waiting = [package]
    while waiting:
        for requirement in map(Requirement, requires(waiting.pop()) or ()):
            name = canonicalize_name(requirement.name)
            counts = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if counts and name not in found:
                found.add(name)
                waiting.append(name)
    return found


def test_what_is_installed_with_shgae_is_a_list_that_somebody_looked_at() -> None:
    grown = {name for name in closure("shgae") - CLOSURE if not OF_GPUS.fullmatch(name)}
    assert not grown, f"new at run time: {sorted(grown)}; look at them, then add them here"


def package_files() -> set[str]:
    """Every file of the package, by its path in the repository."""
    paths = [path for path in (ROOT / "shgae").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(ROOT).as_posix() for path in paths}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution, built from a copy of the tree without any network."""
    tree = tmp_path_factory.mktemp("tree") / "shgae"
    unwanted = shutil.ignore_patterns(".*", "demo", "runs", "__pycache__")
    shutil.copytree(ROOT, tree, ignore=unwanted)
    shutil.copy(ROOT / ".gitignore", tree)
    out = tmp_path_factory.mktemp("built")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", out], cwd=tree, check=True, timeout=120)
    return out


@pytest.mark.torture
def test_the_wheel_and_the_source_hold_every_file_of_the_package_and_nothing_strange(built: Path) -> None:
    (wheel,), (source,) = built.glob("*.whl"), built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.split("/")[0].endswith(".dist-info")}
    assert names == package_files()
    assert names >= {"shgae/py.typed", "shgae/reporting/page/templates/page.html"}
    with tarfile.open(source) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert package_files() <= inside
    assert {"README.md", "LICENSE", "pyproject.toml", "tests/conftest.py"} <= inside
    assert not [name for name in inside if name.startswith((".venv", ".git/"))]


@pytest.mark.torture
@pytest.mark.timeout(1200)
def test_a_wheel_that_is_installed_by_itself_runs_the_demo_without_a_network(
    built: Path, tmp_path: Path, kept: Kept
) -> None:
    (wheel,) = built.glob("*.whl")
    home = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", home], check=True, timeout=240)
    python = home / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel]
    subprocess.run(install, check=True, timeout=240)
    # Its dependencies are those of the tests, behind its own packages: torch need not be unpacked anew.
    (own,) = (home / "lib").glob("python*/site-packages")
    (own / "tested.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    closed = ["unshare", "--net"] if subprocess.run(["unshare", "--net", "true"], timeout=20).returncode == 0 else []
    command = [*closed, python, "-I", "-c", SMALL_DEMO]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "demo" / "predictions.png").is_file()
    assert "finetuned" in done.stdout
    program = subprocess.run([home / "bin" / "shgae", "--version"], capture_output=True, text=True, timeout=120)
    assert program.stdout.startswith("shgae ")
    kept("The wheel, installed by itself and without any network, runs the demo", 1, "installations")
