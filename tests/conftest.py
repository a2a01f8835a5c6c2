"""What all tests share: the corpus of real logs, and the choice to run what takes minutes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--long`."""
    parser.addoption("--long", action="store_true", help="run the tests that take minutes too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip the long tests unless they were asked for."""
    if config.getoption("--long"):
        return
    skip = pytest.mark.skip(reason="takes minutes; run with --long")
    for item in items:
        if "long" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real logs; tests that use it are skipped where it is not there."""
    place = os.environ.get("CCRF_CORPUS")
    if not place:
        pytest.skip("CCRF_CORPUS does not name the corpus of real logs")
    folder = Path(place)
    if not folder.is_dir():
        pytest.skip(f"CCRF_CORPUS names {place}, which is no folder")
    return folder
