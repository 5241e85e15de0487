"""What is read is typed; whether its numbers fit together shows only when they are put in words, tables and figures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shgae.errors import Refused, shortened


@contextmanager
def fitting(where: object) -> Iterator[None]:
    """Raises :class:`Refused` where numbers of a report do not fit together: a name that is in no table, say.

    A wrong name or a wrong call of ours stays what it is, a bug; a report causes one only by a null.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        if isinstance(error, AttributeError | TypeError) and "NoneType" not in str(error):
            raise
        why = f"what it says does not fit together ({type(error).__name__}: {shortened(str(error), 80)})"
        raise Refused("report", where, why, "make the artefact again, with --force") from error
