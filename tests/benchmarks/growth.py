"""One step on so many people, in a process of its own: ``python -m tests.benchmarks.growth STEP PEOPLE FOLDER``.

Prints a JSON object: ``seconds`` of the step itself, and ``peak``, the most bytes of memory that belong to the process
alone (Linux; mapped files are the page cache's, and may be given back).
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import threading
import time
from pathlib import Path

from shgae.execution import Execution
from shgae.recipes import AutoencoderConfig, EvaluateConfig, ExtractConfig, PrepareConfig
from shgae.stages import evaluate, extract, prepare, pretrain_ae

STEPS = ("prepare", "extract", "pretrain-ae", "evaluate")


def run(step: str, people: int, folder: Path) -> None:
    """One step; reads what earlier ones left in the folder, and leaves its own output as ``STEP``."""
    output, how = folder / step, Execution()
    data, model = folder / "prepare", folder / "model"
    shutil.rmtree(output, ignore_errors=True)
    if step == "prepare":
        source = prepare.Source(folder / f"{people}" / "people.json", folder / f"{people}" / "photos")
        prepare.run({"train": source, "val": source}, output, PrepareConfig(crop_size=128), how)
    elif step == "extract":
        extract.run(model, data, output, ExtractConfig(limit=people), how)
    elif step == "pretrain-ae":
        pretrain_ae.run(folder / "extract", output, AutoencoderConfig(epochs=1, limit=people), how)
    else:
        evaluate.run([model], data, output, EvaluateConfig(limit=people), how)


class Peak(threading.Thread):
    """Looks at the process's own memory a hundred times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes = 0
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.01):
            found = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
            self.bytes = max(self.bytes, 1024 * int(found[1]) if found else 0)


if __name__ == "__main__":
    peak = Peak()
    peak.start()
    begun = time.perf_counter()
    run(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
    seconds = time.perf_counter() - begun
    peak.done.set()
    sys.stdout.write(json.dumps({"seconds": seconds, "peak": peak.bytes}) + "\n")
