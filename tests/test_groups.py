"""Tests with windows share a screen and its focus, so they must share a process; that this holds is tested here."""

from __future__ import annotations

from typing import Any

import pytest


def test_a_test_with_windows_is_in_their_group(request: pytest.FixtureRequest, qapp: Any) -> None:
    """When xdist kept no groups (pytest-dev/pytest-xdist#1386), windows took each other's focus: Qt died."""
    if not hasattr(request.config, "workerinput"):
        pytest.skip("all tests share one process: groups matter when several share the work")
    assert request.node.nodeid.endswith("@gui")
