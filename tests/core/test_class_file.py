from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_em_autoclass.core.class_file import ChangedElsewhere, mend_history, read_history, save_history
from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.history import History


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Give a folder with the classes of a new run."""
    save_history(tmp_path, History.of(ClassMap.fresh(4)))
    return tmp_path


def named(history: History, class_id: int, name: str) -> History:
    return history.do(history.present.rename(class_id, name))


def test_each_save_has_a_revision_of_its_own(run: Path) -> None:
    history = read_history(run)
    assert history.revision == 0
    history = save_history(run, named(history, 1, "cytoplasm"))
    history = save_history(run, named(history, 2, "nucleus"))
    assert (history.revision, read_history(run).revision) == (2, 2)
    assert read_history(run) == history


def test_what_another_program_saved_is_not_lost(run: Path) -> None:
    mine = theirs = read_history(run)
    save_history(run, named(theirs, 1, "theirs"))
    with pytest.raises(ChangedElsewhere, match="changed by another program in the meantime; try again") as raised:
        save_history(run, named(mine, 2, "mine"))
    assert read_history(run).present.name_of(1) == "theirs"
    both = save_history(run, named(mine, 2, "mine").on_top_of(raised.value.theirs))
    assert read_history(run).present.name_of(2) == "mine"
    assert both.undo().present.name_of(1) == "theirs"


def test_classes_of_a_program_without_revisions_are_taken(run: Path) -> None:
    content = json.loads((run / "classes.json").read_text())
    del content["revision"]
    (run / "classes.json").write_text(json.dumps(content))
    save_history(run, named(read_history(run), 1, "a"))
    assert read_history(run).present.name_of(1) == "a"


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00", '{"schema_version": 1}', '{"schema_version": 9}'])
def test_damaged_classes_say_what_to_do(run: Path, content: str) -> None:
    (run / "classes.json").write_text(content)
    with pytest.raises(InputError, match=r"classes\.json .*em-autoclass classes .*last good ones") as raised:
        read_history(run)
    assert "\n" not in str(raised.value)
    with pytest.raises(InputError, match="last good ones"):  # nothing is written over what may be worth something
        save_history(run, History.of(ClassMap.fresh(4)))
    assert (run / "classes.json").read_text() == content


def test_sound_classes_need_no_mending(run: Path) -> None:
    assert mend_history(run, 4) == ""
    assert [path.name for path in run.iterdir()] == ["classes.json"]


def test_damaged_classes_become_those_before_the_last_edit(run: Path) -> None:
    history = save_history(run, named(read_history(run), 1, "first"))
    save_history(run, named(history, 2, "second"))
    (run / "classes.json").write_text("{")
    assert mend_history(run, 4) == (
        "classes.json was damaged: names and merges are those before the last edit; "
        "what was there is kept as classes.damaged-1.json."
    )
    assert read_history(run) == history
    assert (run / "classes.damaged-1.json").read_text() == "{"


def test_without_a_version_before_the_names_are_fresh(run: Path) -> None:
    (run / "classes.json").write_text("{")
    assert "all classes have fresh names; what was there is kept as classes.damaged-1.json" in mend_history(run, 4)
    assert read_history(run) == History.of(ClassMap.fresh(4))
    (run / "classes.json").unlink()
    assert mend_history(run, 4) == "classes.json was missing: all classes have fresh names."


def test_classes_of_another_run_are_put_aside(run: Path) -> None:
    assert "was of another run: all classes have fresh names; what was there is kept as" in mend_history(run, 5)
    assert read_history(run).present.n_classes == 5


def test_a_disk_too_full_for_the_copy_still_takes_the_edit(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_em_autoclass.core import class_file

    write = class_file.write_atomically

    def full(path: Path, content: bytes) -> None:
        if "previous" in path.name:
            raise OSError("No space left on device")
        write(path, content)

    monkeypatch.setattr(class_file, "write_atomically", full)
    save_history(run, named(read_history(run), 1, "a"))
    assert read_history(run).present.name_of(1) == "a"
