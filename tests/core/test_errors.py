import pickle

import pytest

from napari_em_autoclass.core.errors import InputError, MissingVoxelSize, require_schema


def test_a_missing_voxel_size_is_an_input_error_and_that_a_value_error() -> None:
    assert issubclass(MissingVoxelSize, InputError)
    assert issubclass(InputError, ValueError)


@pytest.mark.parametrize("kind", [InputError, MissingVoxelSize])
def test_the_message_survives_the_way_from_another_process(kind: type[InputError]) -> None:
    back = pickle.loads(pickle.dumps(kind("choose a smaller tile")))
    assert type(back) is kind
    assert str(back) == "choose a smaller tile"


def test_what_is_of_another_schema_is_refused_by_name() -> None:
    require_schema({"schema_version": 3}, 3, "recipe")
    for stored, found in (({"schema_version": 2}, "2"), ({}, "None"), ([], "None"), (None, "None")):
        with pytest.raises(InputError, match=f"recipe has schema {found}; this version reads 3"):
            require_schema(stored, 3, "recipe")
