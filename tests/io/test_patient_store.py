from __future__ import annotations

import asyncio
from typing import Any

import pytest
from zarr.abc.store import RangeByteRequest
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore, WrapperStore

from napari_em_autoclass.io.patient_store import PatientStore
from napari_em_autoclass.io.remote_errors import Patience, RemoteError

PROTOTYPE = default_buffer_prototype()
VALUE = b"0123456789"


class Flaky(WrapperStore[MemoryStore]):
    """Raises what is listed, one error a read, and then reads."""

    errors: list[Exception] = []  # noqa: RUF012 - a copy of the store has none
    asked = 0

    def with_read_only(self, read_only: bool = False) -> Flaky:
        return Flaky(self._store.with_read_only(read_only=read_only))  # older zarr has it for no wrapped store

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return await super().get(key, prototype, byte_range)


def store(*errors: Exception) -> tuple[PatientStore, Flaky]:
    flaky = Flaky(MemoryStore({"a": PROTOTYPE.buffer.from_bytes(VALUE)}))
    flaky.errors = list(errors)
    return PatientStore(flaky, "s3://b", Patience(tries=3, wait_s=0.001, timeout_s=5)), flaky


def read(patient: PatientStore, byte_range: Any = None, key: str = "a") -> bytes | None:
    found = asyncio.run(patient.get(key, PROTOTYPE, byte_range))
    return None if found is None else found.to_bytes()


def test_a_read_that_fails_is_tried_again() -> None:
    patient, flaky = store(ConnectionResetError(), TimeoutError())
    assert read(patient) == VALUE
    assert flaky.asked == 3


def test_a_read_that_fails_too_often_says_where_and_why() -> None:
    patient, _ = store(*[ConnectionResetError("gone")] * 3)
    with pytest.raises(RemoteError, match=r"s3://b/a: no connection \(gone\), 3 times"):
        read(patient)


def test_what_is_final_is_said_at_once() -> None:
    patient, flaky = store(PermissionError("no"))
    with pytest.raises(RemoteError, match="refused"):
        read(patient)
    assert flaky.asked == 1


def test_what_is_missing_is_no_error() -> None:
    assert read(store()[0], key="b") is None


def test_every_way_to_read_is_patient() -> None:
    parts = [("a", RangeByteRequest(2, 5)), ("b", None)]
    patient, _ = store(ConnectionResetError())
    found = asyncio.run(patient.get_partial_values(PROTOTYPE, parts))
    assert [part and part.to_bytes() for part in found] == [b"234", None]

    async def many(patient: PatientStore) -> dict[str, Any]:
        return {key: value async for key, value in patient._get_many([("a", PROTOTYPE, None)])}

    assert asyncio.run(many(store(TimeoutError())[0]))["a"].to_bytes() == VALUE
    assert asyncio.run(store()[0].exists("a")) is True
    assert read(store()[0].with_read_only(True)) == VALUE


def test_a_server_that_gives_more_than_was_asked_for_is_no_source() -> None:
    class Whole(MemoryStore):
        async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
            return PROTOTYPE.buffer.from_bytes(VALUE)

    with pytest.raises(RemoteError, match="doesn't give parts"):
        read(PatientStore(Whole()), RangeByteRequest(2, 5))
