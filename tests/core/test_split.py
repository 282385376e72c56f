"""Parts of a class: ids above K, names and colours of their own."""

import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.split import FoundParts, Split, part_name

FOUND = FoundParts(3, ((0.25, 1.0), (2.0, -1.0)), 0.5, "network@7")


def test_parts_get_the_first_free_ids_above_k():
    split = Split.of(FOUND, [6, 8], 5, "#010203")
    assert split.ids == (7, 9)
    assert [part.centre for part in split.parts] == list(FOUND.centres)
    assert split.parts[0].color == "#010203"


def test_a_part_is_named_after_its_class():
    assert part_name(7, 2) == "class 7 c"
    assert Split.of(FOUND, [], 5, "#010203").default_name(7) == "class 3 b"


def test_default_names_follow_a_new_number_and_given_ones_stay():
    split = Split.of(FOUND, [], 5, "#010203")
    named = split.with_part(split.parts[0].__class__(6, "cristae", "#010203", (0.25, 1.0)))
    assert [part.name for part in named.renumbered(1).parts] == ["cristae", "class 1 b"]


def test_json_brings_it_back():
    split = Split.of(FOUND, [], 5, "#010203")
    assert Split.from_json(split.to_json()) == split


def test_a_single_part_is_no_split():
    with pytest.raises(InputError, match="2 to 6"):
        Split.of(FoundParts(3, ((0.0,),), 1.0, ""), [], 5, "#010203")
