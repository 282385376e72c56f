from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def test_info_tells_stack_settings_versions_and_state(em_autoclass: Any, trained_run: Path, stack: Path) -> None:
    told = json.loads(em_autoclass("info", trained_run, "--json").out)
    assert told["volume"]["source"] == str(stack)
    assert told["settings"]["training"]["steps"] == 3
    assert "torch" in told["versions"]
    assert told["state"]["step"] == 3
    assert told["state"]["has_weights"] is True


def test_settings_are_listed_by_the_paths_that_set_takes(em_autoclass: Any, trained_run: Path) -> None:
    lines = dict(line.split(maxsplit=1) for line in em_autoclass("info", trained_run).out.splitlines())
    assert lines["settings.training.steps"] == "3"
    assert lines["settings.training.seconds"] == "-"
    assert lines["settings.terms.balance.weight"] == "1"
    assert lines["volume.voxel_size_nm"] == "50, 4, 4"
