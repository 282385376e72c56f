"""Damage of every kind to a file that was good: seeded, so that each one can be made again."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from random import Random

__all__ = ["damaged_bytes", "damaged_json"]

# Put in as text after the tree was written: JSON of other makers may hold them, Python's own writer can't make them.
_RAW: Final = {
    "@deep list": "[" * 100_000 + "]" * 100_000,
    "@deep table": '{"a":' * 50_000 + "1" + "}" * 50_000,
    "@endless": "1e999",
    "@not a number": "NaN",
    "@minus infinity": "-Infinity",
    "@long number": "9" * 5000,
    "@half a character": '"\\ud800"',
    "@zero byte": '"a\\u0000b"',
}
_VALUES: Final[tuple[Any, ...]] = (
    *(0, -1, 1, 2, 255, 2**31, -(2**31), 2**53, 2**63, 2**64, 10**30, 10**400),
    *(0.5, -0.0, 1e308, -1e308, 5e-324, 1e-9, 3.7),
    *(None, True, False, "", " ", "a", "0", "\u202e", "A" * 100_000, "\U0001f9e0" * 300),
    *("../../../../etc/passwd", "/etc/passwd", "..", "\\\\server\\share", "http://127.0.0.1:9/x", "file:///etc/passwd"),
    *("0:99999999999999999999,0:1,0:1", "9" * 5000, "#ffffff", "<u8", "|O", "<M8[ns]", "1,2"),
    *([], {}, [[]], [0] * 300, [None], [-1, -1, -1], [2**40] * 3, {"a": 1}, [[[[[[1]]]]]], ["a", "b"]),
)
_NUMBERS: Final = (0, 1, 2, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**40, 2**63 - 1)


def damaged_bytes(rng: Random, good: bytes) -> bytes:
    """Return `good` with a few things wrong with it, mostly near its beginning, where headers are."""
    found = bytearray(good)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = _place(rng, len(found))
        kind = rng.randrange(7)
        if kind == 0 and found:
            found[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            size = rng.choice((1, 2, 4, 8))
            number = (rng.choice(_NUMBERS) % 256**size).to_bytes(size, rng.choice(("little", "big")))
            found[at : at + size] = number
        elif kind == 2:
            del found[at:]
        elif kind == 3:
            found[at:at] = rng.randbytes(rng.choice((1, 2, 8, 300)))
        elif kind == 4:
            del found[at : at + rng.choice((1, 2, 8, 300))]
        elif kind == 5:
            start = _place(rng, len(found))
            found[at:at] = found[start : start + rng.choice((4, 12, 64))]
        else:
            found[at : at + 4] = rng.randbytes(4)
    return bytes(found)


def damaged_json(rng: Random, good: bytes) -> bytes:
    """Return the JSON text `good` with values, types, keys or nesting changed; now and then its bytes too."""
    tree = copy.deepcopy(json.loads(good))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        tree = _changed(rng, tree)
    text = json.dumps(tree)
    for sign, raw in _RAW.items():
        text = text.replace(json.dumps(sign), raw)
    return damaged_bytes(rng, text.encode()) if rng.random() < 0.15 else text.encode()


def _place(rng: Random, length: int) -> int:
    return rng.randrange(max(1, min(length, 512) if rng.random() < 0.6 else length))


def _changed(rng: Random, tree: Any) -> Any:
    """Return `tree` with one node changed; it may be changed in place."""
    places: list[tuple[Any, Any]] = []
    rest = [tree]
    while rest:
        node = rest.pop()
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, value in items:
            places.append((node, key))
            rest.append(value)
    if not places or rng.random() < 0.02:
        return rng.choice(_VALUES)
    holder, key = rng.choice(places)
    kind = rng.randrange(6)
    if kind <= 2:
        holder[key] = _value(rng, holder[key])
    elif kind == 3:
        del holder[key]
    elif kind == 4:
        _, other = rng.choice(places)
        value = rng.choice(places)
        taken = copy.deepcopy(value[0][value[1]])
        if isinstance(holder, dict):
            holder[str(other)] = taken
        else:
            holder.insert(key, taken)
    else:
        first, second = rng.choice(places), (holder, key)
        first[0][first[1]] = copy.deepcopy(second[0][second[1]])
    return tree


def _value(rng: Random, was: Any) -> Any:
    """Return something to stand in the place of `was`: extreme, of another type, or much like it."""
    kind = rng.randrange(8)
    if kind == 0:
        return rng.choice(list(_RAW))
    if kind == 1 and isinstance(was, (int, float)):
        return rng.choice((was + 1, was - 1, -was, was * 1000, was / 7, str(was), [was]))
    if kind == 2 and isinstance(was, list):
        return rng.choice(
            (was * 200 if len(was) < 300 else was[:1], was[:-1], was[::-1], dict.fromkeys(map(str, was)), *was[:1])
        )
    if kind == 3 and isinstance(was, dict):
        return rng.choice((list(was.values()), list(was), {}, {**was, "": was}))
    if kind == 4 and isinstance(was, str):
        return rng.choice((was * 3, was[:-1], was.upper(), [was], {was: was}, f"../{was}", f"/{was}"))
    return copy.deepcopy(rng.choice(_VALUES))
