"""What stands in classes.json: readable by older versions as long as nothing is split, refused when damaged."""

import copy

import pytest

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.class_map_store import class_map_to_json, stored_parts
from napari_em_autoclass.core.class_splits import with_split
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.split import FoundParts

SPLIT = with_split(ClassMap.fresh(4), FoundParts(2, ((0.1, 0.2), (0.3, 0.4)), 0.5, "network@7"))


def test_without_splits_the_file_is_what_older_versions_wrote_and_read():
    stored = class_map_to_json(ClassMap.fresh(4).merge([1, 2]))
    assert (stored["schema_version"], "splits" in stored) == (1, False)
    assert ClassMap(**stored_parts(stored)) == ClassMap.fresh(4).merge([1, 2])


def test_with_splits_it_has_the_next_schema_and_comes_back_exactly():
    stored = class_map_to_json(SPLIT)
    assert stored["schema_version"] == 2
    assert ClassMap(**stored_parts(stored)) == SPLIT


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (("class_id",), 9),
        (("temperature",), 0.0),
        (("parts", 0, "id"), 3),
        (("parts", 0, "id"), 255),
        (("parts", 0, "id"), 6),
        (("parts", 0, "color"), "red"),
        (("parts", 0, "centre"), [0.1]),
        (("parts", 0, "centre"), ["x", "y"]),
        (("parts",), []),
        (("parts",), None),
    ],
)
def test_a_damaged_split_is_refused(at, value):
    stored = copy.deepcopy(class_map_to_json(SPLIT))
    place = stored["splits"][0]
    for key in at[:-1]:
        place = place[key]
    place[at[-1]] = value
    with pytest.raises(InputError):
        ClassMap.from_json(stored)
