"""Every block of code in README and documentation runs, or says why it can't."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from doc_blocks import PAGES, PARSED, PLAIN, REPOSITORY, RUNS, Block, blocks_of, name_of
from doc_checks import check_unrun
from doc_room import Room

pytestmark = [
    pytest.mark.xdist_group("docs"),  # one process, so that stand-ins are made once
    pytest.mark.filterwarnings("ignore:Number of distinct clusters"),  # of a stack so small
]

# Read from the first line to the last, with nothing but what the page itself makes.
STRICT = ("docs/tutorial.md",)
SLOW = (
    "docs/howto/cluster.md",
    "docs/howto/compare-recipes.md",
    "docs/howto/exchange.md",
    "docs/howto/remote-gpu.md",
    "docs/howto/several-gpus.md",
    "docs/reference/command-line.md",
)


def page_parameters() -> list[object]:
    return [
        pytest.param(page, id=name_of(page), marks=[pytest.mark.slow] if name_of(page) in SLOW else [])
        for page in PAGES
        if blocks_of(page)
    ]


@pytest.mark.parametrize("page", page_parameters())
def test_every_block_of_a_page_runs_or_says_why_not(page: Path, open_room: Callable[[bool], Room]) -> None:
    room = open_room(name_of(page) in STRICT)
    for block in blocks_of(page):
        if block.not_run is not None:
            check_unrun(block)
        else:
            room.run(block)


def test_no_block_escapes() -> None:
    for page in PAGES:
        fences = [line for line in page.read_text(encoding="utf-8").splitlines() if line.strip().startswith("```")]
        directives = [line for line in fences if line.startswith("```{")]
        read = len(blocks_of(page)) + len(directives)
        assert len(fences) == 2 * read, f"{name_of(page)}: a block does not stand at the margin"
        for block in blocks_of(page):
            assert block.language in (*RUNS, *PARSED, *PLAIN), f"{block}: what is {block.language!r}?"


def test_names_of_strict_and_slow_pages_exist() -> None:
    for name in (*STRICT, *SLOW):
        assert (REPOSITORY / name).is_file()


def block(tmp_path: Path, language: str, text: str, not_run: str | None = None) -> Block:
    marker = "" if not_run is None else f"<!-- not run: {not_run} -->\n"
    page = tmp_path / "page.md"
    page.write_text(f"Text.\n\n{marker}```{language}\n{text}\n```\n")
    (found,) = blocks_of(page)
    assert (found.language, found.not_run) == (language, not_run)
    return found


@pytest.mark.parametrize(
    ("language", "text", "says"),
    [
        ("console", "$ em-autoclass info nothing", "ended with 2"),
        ("console", "$ em-autoclass info --no-such-option", "ended with 2"),
        ("console", "$ frobnicate", "nobody taught the tests"),
        ("python", "assert 1 == 2", None),
        ("bash", "false", "page.md:3"),
        ("json", "{", "Expecting"),
        ("json", '{"terms": [{"kind": "no such term"}]}', "no such term"),
        ("yaml", "distributed: {comm: {no-such-key: 1}}", "no setting 'no-such-key'"),
        ("toml", "a = ", "Invalid value"),
    ],
)
def test_a_block_that_fails_is_noticed(
    tmp_path: Path, open_room: Callable[[bool], Room], language: str, text: str, says: str | None
) -> None:
    with pytest.raises(Exception, match=says):
        open_room(True).run(block(tmp_path, language, text))


@pytest.mark.parametrize(
    ("language", "text", "reason", "says"),
    [
        ("console", "$ em-autoclass info RUN", "later", "gives no reason"),
        ("console", "$ em-autoclass inform RUN", "needs another machine", "there is no em-autoclass inform"),
        ("console", "$ em-autoclass info RUN --depth 3", "needs another machine", "No such option"),
        ("console", "$ make tea", "needs a kettle", "make knows no tea"),
        ("console", '$ pip install ".[none]"', "installs a package", "no extras"),
        ("console", "$ pip install -c none.txt .", "installs a package", "there is no none.txt"),
        ("python", "def", "needs a cluster", "invalid syntax"),
    ],
)
def test_a_marked_block_is_checked_as_far_as_it_goes(
    tmp_path: Path, language: str, text: str, reason: str, says: str
) -> None:
    with pytest.raises(Exception, match=says):
        check_unrun(block(tmp_path, language, text, reason))


def test_what_is_printed_does_not_stand_among_commands(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no command"):
        block(tmp_path, "console", "$ em-autoclass recipes\nneighbour-forecast").commands()
