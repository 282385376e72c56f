"""Fixtures of the tests of classifiers."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_timm import put_in_place


@pytest.fixture
def timm_with_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Put a stand-in in timm's place; return the folder that holds the weights of its networks."""
    put_in_place(monkeypatch, tmp_path)
    return tmp_path
