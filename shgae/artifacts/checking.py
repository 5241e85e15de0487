"""An artefact's files, hashed while their reader is at work: nothing is kept of one before it was checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from shgae.artifacts.hashing import led_out, misfit
from shgae.artifacts.store import Artifact, agree, fault_of
from shgae.errors import AGAIN, Refused
from shgae.execution import ProcessGroup

_THREADS = 4


class Checking:
    """Files under way; of several processes each hashes its share of them."""

    def __init__(self, artifact: Artifact, hashed: dict[str, Future[str | None]], world: ProcessGroup) -> None:
        self._artifact, self._hashed, self._world = artifact, hashed, world

    def wait(self, names: Sequence[str]) -> None:
        """Waits until some of the files were checked, each by its process; called by all processes together.

        Raises:
            Refused: one of them was changed since it was written.
        """
        mine = {name: self._hashed[name].result() for name in names if name in self._hashed}
        faults = {name: fault for name, fault in mine.items() if fault}
        agree(self._artifact, names, faults, self._world)

    def look(self) -> None:
        """Waits for nothing.

        Raises:
            Refused: a file that was hashed so far was changed since it was written.
        """
        faults = [fault for one in self._hashed.values() if one.done() and (fault := one.result())]
        if faults:
            raise Refused(self._artifact.manifest.kind, self._artifact.path, faults[0], AGAIN)


@contextmanager
def checking(artifact: Artifact, names: Sequence[str], world: ProcessGroup) -> Iterator[Checking]:
    """Begins to hash files of an artefact, in this order; those that nobody waits for are not believed."""
    pool = ThreadPoolExecutor(_THREADS)
    try:
        yield Checking(artifact, {name: pool.submit(fault_of, artifact, name) for name in world.shard(names)}, world)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def check_sizes(artifact: Artifact) -> None:
    """What shows of an artefact's files without reading them.

    Raises:
        Refused: one of them is missing, of another size, or reached by a link that leads out.
    """
    for name, entry in sorted(artifact.manifest.files.items()):
        path = artifact.path / name
        if found := led_out(path, artifact.path) or misfit(path, entry.size):
            raise Refused(artifact.manifest.kind, artifact.path, f"{name} {found}", AGAIN)
