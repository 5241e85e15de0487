"""One uninterrupted study for all tests of this room."""

from __future__ import annotations

import pytest

from tests.builders.chain import Chain
from tests.builders.studies import Whole


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, chain: Chain) -> Whole:
    return Whole(chain, tmp_path_factory.mktemp("study") / "whole")
