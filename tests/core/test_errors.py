import pickle

import pytest

from napari_em_autoclass.core.errors import InputError, MissingVoxelSize


def test_a_missing_voxel_size_is_an_input_error_and_that_a_value_error() -> None:
    assert issubclass(MissingVoxelSize, InputError)
    assert issubclass(InputError, ValueError)


@pytest.mark.parametrize("kind", [InputError, MissingVoxelSize])
def test_the_message_survives_the_way_from_another_process(kind: type[InputError]) -> None:
    back = pickle.loads(pickle.dumps(kind("choose a smaller tile")))
    assert type(back) is kind
    assert str(back) == "choose a smaller tile"
