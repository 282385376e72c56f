"""What grows beside its place; the rest of its life is in `test_predict_map`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.partial_output import PartialOutput, partial_path

JOB = {"stack": "a", "state of the run": "b"}


def begun(path: Path, job: dict[str, str] = JOB, restart: bool = False) -> PartialOutput:
    return PartialOutput.begin((path,), job, overwrite=False, restart=restart)


def made(path: Path) -> PartialOutput:
    partial = begun(path)
    assert partial.is_new
    partial.data.mkdir()
    (partial.data / "x").write_text("content")
    partial.commit()
    return partial


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_is_found_again_until_it_is_put_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "out"
    made(path).release()
    partial = begun(path)
    assert not partial.is_new
    assert names(tmp_path) == ["out.partial"]
    partial.check()
    partial.finish({"x": path})
    assert path.read_text() == "content"
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("tidied", ["by the next job", "alone"])
@pytest.mark.parametrize("died", ["before the folder was removed", "before the job was removed", "at the very end"])
def test_what_a_finished_job_left_behind_is_removed(tmp_path: Path, died: str, tidied: str) -> None:
    path = tmp_path / "out"
    partial = made(path)
    partial.commit({"x": path})
    (partial.data / "x").replace(path)
    if died != "before the folder was removed":
        partial.data.rmdir()
    if died == "at the very end":
        (partial.folder / "job.json").unlink()
    partial.release()
    if tidied == "alone":
        PartialOutput.tidy(path)
    else:
        with pytest.raises(InputError, match="exists already"):
            begun(path)
    assert names(tmp_path) == ["out"]
    assert path.read_text() == "content"


def test_what_is_unfinished_or_in_work_or_not_ours_is_not_tidied_away(tmp_path: Path) -> None:
    path = tmp_path / "out"
    PartialOutput.tidy(path)  # nothing there
    partial = made(path)
    partial.commit({"x": path})
    PartialOutput.tidy(path)  # held
    assert (partial.data / "x").read_text() == "content"
    partial.commit()
    partial.release()
    PartialOutput.tidy(path)  # unfinished
    assert (partial.data / "x").read_text() == "content"
    (partial.folder / "job.json").write_text("{")
    PartialOutput.tidy(path)  # damaged
    assert (partial.data / "x").read_text() == "content"


def test_what_was_not_committed_is_rubbish(tmp_path: Path) -> None:
    partial = begun(tmp_path / "out")
    partial.data.mkdir()
    partial.release()
    again = begun(tmp_path / "out")
    assert again.is_new
    assert again.data != partial.data
    assert not partial.data.exists()


def test_a_job_begun_anew_grows_in_another_folder(tmp_path: Path) -> None:
    first = made(tmp_path / "out")
    first.release()
    second = begun(tmp_path / "out", restart=True)
    assert second.is_new
    assert second.data != first.data
    assert not first.data.exists()


def test_each_thing_that_differs_is_named(tmp_path: Path) -> None:
    made(tmp_path / "out").release()
    with pytest.raises(InputError, match="another stack and another state of the run; begin anew by --restart"):
        begun(tmp_path / "out", {"stack": "c", "state of the run": "d"})
    begun(tmp_path / "out").release()  # the lock was let go of


def test_nobody_else_begins_while_it_is_held(tmp_path: Path) -> None:
    partial = made(tmp_path / "out")
    with pytest.raises(InputError, match="is being written"):
        begun(tmp_path / "out")
    partial.discard()
    assert names(tmp_path) == []


def test_a_missing_folder_and_an_existing_output_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist; create it first"):
        begun(tmp_path / "no" / "out")
    (tmp_path / "out").touch()
    with pytest.raises(InputError, match="exists already"):
        begun(tmp_path / "out")
    assert names(tmp_path) == ["out"]


def test_what_comes_beside_is_looked_at_before_anything_is_begun(tmp_path: Path) -> None:
    (tmp_path / "beside").touch()
    with pytest.raises(InputError, match="beside: exists already"):
        PartialOutput.begin((tmp_path / "out", tmp_path / "beside"), JOB, overwrite=False, restart=False)
    assert not partial_path(tmp_path / "out").exists()


@pytest.mark.parametrize("content", ["", "[]", '{"schema": 1}', '{"schema": 2, "job": {}, "folder": "x"}', "{" * 9999])
def test_a_damaged_job_is_told_and_nothing_is_removed(tmp_path: Path, content: str) -> None:
    made(tmp_path / "out").release()
    folder = partial_path(tmp_path / "out")
    (folder / "job.json").write_text(content)
    before = names(folder)
    with pytest.raises(InputError, match="damaged, or of another version"):
        begun(tmp_path / "out")
    assert names(folder) == before


def test_a_job_can_move_no_files_of_others(tmp_path: Path) -> None:
    made(tmp_path / "out").release()
    (tmp_path / "mine").touch()
    file = partial_path(tmp_path / "out") / "job.json"
    job = json.loads(file.read_text())
    for moves in ({"../../mine": "stolen"}, {"x": "../stolen"}, {"..": "x"}, {"/etc/hosts": "x"}, {"x": ""}, ["x"]):
        file.write_text(json.dumps({**job, "moves": moves}))
        with pytest.raises(InputError, match="damaged"):
            begun(tmp_path / "out")
    file.write_text(json.dumps({**job, "folder": "../mine"}))
    with pytest.raises(InputError, match="damaged"):
        begun(tmp_path / "out")
    assert names(tmp_path) == ["mine", "out.partial"]


def test_a_folder_of_that_name_with_other_files_is_left_alone(tmp_path: Path) -> None:
    folder = partial_path(tmp_path / "out")
    folder.mkdir()
    (folder / "thesis.txt").touch()
    with pytest.raises(InputError, match=r"holds thesis\.txt"):
        begun(tmp_path / "out", restart=True)
    assert names(folder) == ["thesis.txt"]
