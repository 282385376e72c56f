"""A Zarr store whose reads are tried again when the network fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from zarr.abc.store import RangeByteRequest
from zarr.storage import WrapperStore

from napari_em_autoclass.io.remote_errors import Patience, RemoteError, final_complaint

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
    from typing import Self

    from zarr.abc.store import ByteRequest, Store
    from zarr.core.buffer import Buffer, BufferPrototype

__all__ = ["PatientStore"]


class PatientStore(WrapperStore["Store"]):
    """Reads of another store, each in time and if need be again.

    Parameters
    ----------
    store : what is read
    url : of it, for messages
    patience : how often, and how long
    """

    def __init__(self, store: Store, url: str = "", patience: Patience | None = None) -> None:
        super().__init__(store)
        self._url, self._patience = url, patience or Patience()

    def _with_store(self, store: Store) -> Self:
        return type(self)(store, self._url, self._patience)

    def with_read_only(self, read_only: bool = False) -> Self:
        """Return the store for reading only, or for both; zarr before 3.1.2 has it for no wrapped store."""
        return self._with_store(self._store.with_read_only(read_only=read_only))

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """Return the value of `key`, or a part of it; None if there is none.

        Raises
        ------
        RemoteError
            If it can't be read.
        """
        found: Buffer | None = await self._patiently(lambda: self._store.get(key, prototype, byte_range), key)
        if found is not None and isinstance(byte_range, RangeByteRequest):
            wanted = byte_range.end - byte_range.start
            if len(found) > wanted:  # the whole file instead of a part: taken for the part it would be another chunk
                raise RemoteError(f"{self._url}: the server doesn't give parts of files; copy the store to another one")
        return found

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Return parts of values, each as `get` does."""
        return list(await asyncio.gather(*(self.get(key, prototype, part) for key, part in key_ranges)))

    async def exists(self, key: str) -> bool:
        """Tell whether there is a value of `key`."""
        found: bool = await self._patiently(lambda: self._store.exists(key), key)
        return found

    async def _get_many(
        self, requests: Iterable[tuple[str, BufferPrototype, ByteRequest | None]]
    ) -> AsyncGenerator[tuple[str, Buffer | None], None]:
        for key, prototype, part in requests:
            yield key, await self.get(key, prototype, part)

    async def _patiently(self, fetch: Callable[[], Awaitable[Any]], key: str) -> Any:
        last = ""
        for wait_s in self._patience.waits_s():
            await asyncio.sleep(wait_s)
            try:
                return await asyncio.wait_for(fetch(), self._patience.timeout_s)
            except Exception as error:
                last, is_final = final_complaint(error, self._patience.timeout_s)
                if is_final:
                    raise RemoteError(f"{self._url}/{key}: {last}") from error
        raise RemoteError(f"{self._url}/{key}: {last}, {self._patience.tries} times")
