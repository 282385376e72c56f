from __future__ import annotations

from typing import Any

import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.migrations import SCHEMA_VERSIONS, STEPS, migrated

CHAIN = {
    "thing": {
        1: lambda content: {**content, "size_nm": content["size_um"] * 1000},
        2: lambda content: {name: value for name, value in content.items() if name != "size_um"},
        3: lambda content: {**content, "sizes_nm": [content["size_nm"]]},
    }
}


def test_each_step_takes_what_the_one_before_returned() -> None:
    newest: dict[str, Any] = {"schema_version": 4, "size_nm": 2000, "sizes_nm": [2000]}
    assert migrated("thing", {"schema_version": 1, "size_um": 2}, "x", CHAIN) == newest
    assert migrated("thing", {"schema_version": 3, "size_nm": 2000}, "x", CHAIN) == newest
    assert migrated("thing", newest, "x", CHAIN) == newest


def test_what_is_migrated_is_not_changed_itself() -> None:
    content = {"schema_version": 1, "size_um": 2}
    migrated("thing", content, "x", CHAIN)
    assert content == {"schema_version": 1, "size_um": 2}


def test_a_newer_version_asks_for_an_update_of_the_program() -> None:
    with pytest.raises(InputError, match=r"^run\.json has schema 5, this version reads up to 4; update") as raised:
        migrated("thing", {"schema_version": 5}, "run.json", CHAIN)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [{}, {"schema_version": 0}, {"schema_version": "2"}, {"schema_version": True}, []])
def test_what_no_version_wrote_is_damaged(content: object) -> None:
    with pytest.raises(InputError, match="damaged: it has schema"):
        migrated("thing", content, "run.json", CHAIN)


@pytest.mark.parametrize("kind", STEPS)
def test_no_step_is_missing(kind: str) -> None:
    assert sorted(STEPS[kind]) == list(range(1, SCHEMA_VERSIONS[kind]))
