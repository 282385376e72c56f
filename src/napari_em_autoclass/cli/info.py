"""``em-autoclass info``: what a run is, where it stands, and what it was made with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from napari_em_autoclass.cli.options import JsonOption, RunArgument

if TYPE_CHECKING:
    from napari_em_autoclass.core.checkpoint import RunFolder

__all__ = ["info"]


def info(run: RunArgument, *, as_json: JsonOption = False) -> None:
    """Tell what a run is: its stack, how far it came, its settings and versions.

    $ em-autoclass info my-run

    $ em-autoclass info my-run --json
    """
    from napari_em_autoclass.cli.progress import print_json
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.io.run_export import run_facts

    folder = RunFolder.open(run)
    told = {**run_facts(folder), "state": _state(folder)}
    if as_json:
        print_json(told)
        return
    rows = _flat(told)
    width = max(len(name) for name, _ in rows) + 2
    for name, value in rows:
        typer.echo(f"{name:{width}}{value}")


def _state(folder: RunFolder) -> dict[str, Any]:
    """Return how far a run came, as its log tells."""
    log = folder.log()
    known = ("step", "fraction", "elapsed_s", "total", "effective_classes", "skill")
    last = {name: log[-1][name] for name in known if name in log[-1]} if log else {"step": 0}
    return {**last, "has_weights": (folder.path / "weights.safetensors").is_file()}


def _flat(content: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested values as (path, text), so that a setting's path is what --set takes."""
    rows: list[tuple[str, str]] = []
    for key, value in content.items():
        if isinstance(value, dict) and value:
            rows += _flat(value, f"{prefix}{key}.")
        elif (
            isinstance(value, list | tuple)
            and value
            and all(isinstance(item, dict) and "kind" in item for item in value)
        ):
            for item in value:
                rest = {name: part for name, part in item.items() if name != "kind"}
                rows += _flat(rest, f"{prefix}{key}.{item['kind']}.")
        else:
            rows.append((f"{prefix}{key}", _text(value)))
    return rows


def _text(value: Any) -> str:
    if isinstance(value, list | tuple) and value:
        text = ", ".join(_text(item) for item in value)
        return text if len(text) <= 80 else f"{text[:60]}... ({len(value)} values)"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "-" if value is None or value in ([], (), "") else str(value)
