"""What is said of an end and of an error."""

from __future__ import annotations

import typing

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import RunEnded
from napari_em_autoclass.gui.sentences import END_SENTENCES, sentence_for


def test_every_end_has_its_sentence() -> None:
    reasons = typing.get_args(typing.get_type_hints(RunEnded)["reason"])
    assert set(reasons) == set(END_SENTENCES)


def test_what_the_user_can_mend_is_said_as_it_is_and_the_rest_in_one_line() -> None:
    assert sentence_for(InputError("choose another folder")) == "choose another folder"
    said = sentence_for(RuntimeError("shapes differ\n at line 3"))
    assert "RuntimeError: shapes differ" in said
    assert "\n" not in said
    assert "no details" in sentence_for(ValueError(""))
