"""What the rows of `peers.py` say: a table, and where a peer is better than we are."""

from __future__ import annotations

from typing import Any

from _peers_methods import METHODS, OURS

__all__ = ["COLUMNS", "as_table", "in_words", "settings_in_words"]

Row = dict[str, Any]

COLUMNS: dict[str, str] = {
    "merged_miou": "merged mIoU",
    "merged_miou_at_5_groups": "at 5 groups",
    "info_share": "share of information",
    "v_measure": "V-measure",
    "classes_used": "classes",
    "seconds": "seconds",
    "steps": "updates",
    "peak_mb": "MB",
}
"""Heads of the table by figure."""

# Below this share of our time a method is called faster: most are given the same time to learn.
_FASTER = 0.8
# With fewer updates a network hasn't learned, and says little of what it could: that is told beside its figures.
_FEW_UPDATES = 100
# Figure, its name in a sentence, and whether more of it is better.
_COMPARED = (
    ("merged_miou", "merged mIoU", True),
    ("merged_miou_at_5_groups", "merged mIoU at 5 groups", True),
    ("info_share", "share of information", True),
    ("v_measure", "V-measure", True),
    ("seconds", "seconds", False),
    ("peak_mb", "MB", False),
)


def as_table(rows: list[Row]) -> list[str]:
    """Return the lines of a Markdown table of one stack's rows, the best merged mIoU first."""
    lines = [f"| method | {' | '.join(COLUMNS.values())} | note |", f"|---|{'---:|' * len(COLUMNS)}---|"]
    for row in sorted(rows, key=lambda row: -(row["merged_miou"] or -1)):
        cells = [_cell(row.get(figure)) for figure in COLUMNS]
        lines.append(f"| {_title(row)} | {' | '.join(cells)} | {row['note']} |")
    return lines


def in_words(rows: list[Row]) -> list[str]:
    """Return a sentence for each stack and each method that isn't ours: in what it is better than our default recipe.

    Methods told labels are left out, and so are those that could not be run.
    """
    sentences = []
    for stack in dict.fromkeys(row["stack"] for row in rows):
        here = [row for row in rows if row["stack"] == stack and row["merged_miou"] is not None]
        ours = next((row for row in here if row["method"] == OURS), None)
        peers = [row for row in here if not (METHODS[row["method"]].is_ours or METHODS[row["method"]].is_told)]
        if ours is None or not peers:
            continue
        sentences.append(_best(stack, ours, peers))
        sentences += [_compared(stack, ours, peer) for peer in peers]
    return sentences


def settings_in_words(rows: list[Row]) -> list[str]:
    """Return a sentence for each method among the rows: what it was told."""
    return [
        f"{METHODS[name].title}: {METHODS[name].settings}"
        for name in METHODS
        if any(row["method"] == name for row in rows) and not (METHODS[name].is_ours and name != OURS)
    ]


def _best(stack: str, ours: Row, peers: list[Row]) -> str:
    best = max(peers, key=lambda row: row["merged_miou"])
    side = "above" if ours["merged_miou"] > best["merged_miou"] else "not above"
    return (
        f"On {stack} `{OURS}` reaches a merged mIoU of {_cell(ours['merged_miou'])}, {side} the best of the peers,"
        f" {_title(best)}, with {_cell(best['merged_miou'])}."
    )


def _compared(stack: str, ours: Row, peer: Row) -> str:
    won = []
    for figure, name, is_more_better in _COMPARED:
        theirs, own = peer.get(figure), ours.get(figure)
        if theirs is not None and own is not None:
            is_better = theirs > own if is_more_better else theirs < own * (_FASTER if figure == "seconds" else 1)
            won += [f"{name} ({_cell(theirs)} against {_cell(own)})"] * is_better
    steps = peer.get("steps")
    few = (
        f" It made {steps} updates in that time: it has hardly begun to learn."
        if steps and steps < _FEW_UPDATES
        else ""
    )
    return f"On {stack} {_title(peer)} is better in {'; '.join(won) if won else 'nothing measured here'}.{few}"


def _title(row: Row) -> str:
    return METHODS[row["method"]].title


def _cell(value: float | int | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) and abs(value) < 2 else f"{value:,.0f}"
