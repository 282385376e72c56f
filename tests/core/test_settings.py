from __future__ import annotations

import pickle

import pytest
from pydantic import Field, ValidationError

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.settings import Settings, first_problem


class Inner(Settings):
    size: int = Field(4, ge=1)
    """How large it is."""


class Outer(Settings):
    inner: Inner = Inner()
    """What is inside."""
    share: float = Field(0.5, ge=0, le=1)
    """How much of it."""
    name: str = "x"
    """What it is called."""


def test_a_field_can_not_be_edited() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Outer().share = 0.1  # type: ignore[misc]


def test_replace_returns_a_copy_with_the_change_and_leaves_the_old_one() -> None:
    old = Outer(name="kept")
    new = old.replace(share=0.25, inner=Inner(size=7))
    assert (new.share, new.inner.size, new.name) == (0.25, 7, "kept")
    assert (old.share, old.inner.size) == (0.5, 4)
    assert type(new) is Outer


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"share": 1.5}, r"setting share: .*less than or equal to 1.*\(got 1.5\)"),
        ({"share": float("nan")}, "setting share: .*finite"),
        ({"share": float("inf")}, "setting share: .*(finite|less)"),
        ({"shaer": 0.5}, "setting shaer: "),
        ({"inner": {"size": 0}}, r"setting inner\.size: .*greater than or equal to 1.*\(got 0\)"),
        ({"inner": {"size": "many"}}, "setting inner.size: .*'many'"),
        ({"inner": None}, "setting inner: "),
    ],
)
def test_a_bad_change_is_an_input_error_of_one_line(change: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named) as caught:
        Outer().replace(**change)
    assert len(str(caught.value).splitlines()) == 1


def test_unknown_fields_are_refused_when_made() -> None:
    with pytest.raises(ValidationError, match="shaer"):
        Outer(shaer=0.5)  # type: ignore[call-arg]


def test_the_line_stays_short_when_a_whole_tree_was_wrong() -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"inner": {"size": {"deep": list(range(1000))}}})
    assert len(first_problem(caught.value)) < 200


def test_the_text_under_a_field_is_its_description() -> None:
    assert Outer.model_fields["share"].description == "How much of it."


def test_json_and_pickle_give_the_same_settings_back() -> None:
    settings = Outer(inner=Inner(size=9), share=0.1)
    assert Outer.model_validate_json(settings.model_dump_json()) == settings
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_equal_settings_are_equal_and_hash_alike() -> None:
    assert Outer(share=0.1) == Outer(share=0.1)
    assert Outer(share=0.1) != Outer(share=0.2)
    assert len({Outer(share=0.1), Outer(share=0.1), Outer(share=0.2)}) == 2
