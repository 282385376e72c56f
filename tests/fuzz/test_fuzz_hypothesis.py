"""Any JSON at all in place of ours, and any decisions on any class map: refused in our words, or kept as it is."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.history import History
from napari_em_autoclass.core.migrations import SCHEMA_VERSIONS
from napari_em_autoclass.core.run_settings import RunSettings, load_recipe

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ANY_JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
)
SETTINGS_KEYS = st.sampled_from([*RunSettings.model_fields, "about", "papers", "group"])
MAP_KEYS = ("schema_version", "n_classes", "names", "colors", "groups", "hidden", "locked", "ignored", "splits")
common = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@common
@given(tree=ANY_JSON)
def test_any_json_as_run(tree: Any, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps(tree))
    with pytest.raises(InputError):
        RunFolder.open(tmp_path)


@common
@given(tree=st.dictionaries(SETTINGS_KEYS, ANY_JSON, max_size=3))
def test_any_settings_as_recipe(tree: dict[str, Any], tmp_path: Path) -> None:
    at = tmp_path / "mine.json"
    at.write_text(json.dumps(tree))
    with suppress(InputError):
        load_recipe(str(at))


@common
@given(tree=st.dictionaries(SETTINGS_KEYS, ANY_JSON, max_size=3))
def test_any_settings_are_valid_or_said_to_be_none(tree: dict[str, Any]) -> None:
    with suppress(ValidationError):
        made = RunSettings.model_validate(tree)
        assert RunSettings.model_validate_json(made.model_dump_json()) == made


@common
@given(changes=st.dictionaries(st.sampled_from(MAP_KEYS), ANY_JSON, max_size=2))
def test_any_class_map_in_a_history(changes: dict[str, Any]) -> None:
    good = ClassMap.fresh(4).merge([1, 2]).to_json()
    stored = {
        "schema_version": SCHEMA_VERSIONS["classes"],
        "past": [{**good, **changes}],
        "present": good,
        "future": [],
    }
    with suppress(InputError):
        history = History.from_json(stored)
        assert History.from_json(history.to_json()) == history
