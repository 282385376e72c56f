"""The journal of finished blocks, cut and mutated."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io.ledger import Entry, Ledger, Task, read_ledger

ENTRIES = (
    Entry(Task(0, 0), (100,)),
    Entry(Task(0, 17), (0, 33, 12345678901), (Box(1, 2, 0, 64, 64, 128),)),
    Entry(Task(2, 1_000_000), (7,)),
)
CONTENT = b"".join(entry.line() for entry in ENTRIES)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ledger") / "finished.log"


def test_entries_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "finished.log"
    assert list(read_ledger(path)) == []
    for some in (ENTRIES[:1], ENTRIES[1:]):
        ledger = Ledger(path)
        for entry in some:
            ledger.add(entry)
        ledger.close()
    assert list(read_ledger(path)) == list(ENTRIES)
    assert path.read_bytes() == CONTENT


def test_cut_anywhere_it_tells_the_whole_entries_before_the_cut_and_takes_more(journal: Path) -> None:
    ends = [sum(len(entry.line()) for entry in ENTRIES[:n]) for n in range(len(ENTRIES) + 1)]
    for cut in range(len(CONTENT) + 1):
        journal.write_bytes(CONTENT[:cut])
        # Its last line is whole even without its end of line.
        n_whole = max(n for n, end in enumerate(ends) if end <= cut + 1)
        assert list(read_ledger(journal)) == list(ENTRIES[:n_whole])
        ledger = Ledger(journal)
        ledger.add(ENTRIES[2])
        ledger.close()
        assert list(read_ledger(journal)) == [*ENTRIES[:n_whole], ENTRIES[2]]


@settings(max_examples=300)
@given(st.integers(0, len(CONTENT) - 1), st.binary(min_size=0, max_size=6), st.integers(0, 5))
def test_changed_anywhere_it_never_tells_of_a_block_that_is_not_finished(
    journal: Path, at: int, put: bytes, n_removed: int
) -> None:
    journal.write_bytes(CONTENT[:at] + put + CONTENT[at + n_removed :])
    assert set(read_ledger(journal)) <= set(ENTRIES)


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_anything_else_tells_nothing(journal: Path, content: bytes) -> None:
    journal.write_bytes(content)
    assert list(read_ledger(journal)) == []


def test_a_line_with_the_right_sum_of_something_else_tells_nothing(journal: Path) -> None:
    from zlib import crc32

    texts = (b"[]", b"{}", b"null", b'["a",1,[]]', b"[1,2]", b"[0,0,[1],[[1,2]]]", b"[0,0,5]", b"[" * 100_000)
    journal.write_bytes(b"".join(b"%08x %s\n" % (crc32(text), text) for text in texts))
    assert list(read_ledger(journal)) == []
