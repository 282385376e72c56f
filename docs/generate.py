"""Write the generated pages of the reference: `python docs/generate.py`; ``--check`` only says if they are stale.

The settings come from `RunSettings`, the commands from the program's own help, the recipes from their files, so that
none is ever typed by hand.
"""

from __future__ import annotations

import os
import re
import sys
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer.main
from pydantic import BaseModel
from recipes_page import recipes_page

from napari_em_autoclass.cli.app import app
from napari_em_autoclass.core.losses import AnyLossTerm
from napari_em_autoclass.core.run_settings import RunSettings, load_recipe, recipe_card, recipe_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Written by docs/generate.py; change the source, not this page. -->\n\n"
HEAD = "| setting | default | bounds | unit | what it does |\n|---|---|---|---|---|\n"


# The tests run every other block.
_NEEDS_CLUSTER = "<!-- not run: needs a Dask cluster; docs/howto/remote-gpu.md runs one -->\n"


def settings_page() -> str:
    """Return the page of all settings, section by section."""
    parts = [
        NOTE,
        "# Settings\n\n",
        "Each can be given on the command line, `--set path.to.setting=value`, as often as needed, and stands in the "
        "dock under *More settings*. `null` empties a setting that may be empty. "
        "What a run used is in its `run.json`.\n\n",
        "## The run\n\n",
        HEAD,
        # A start is measured from labels, never set by hand.
        *(_row(name, info) for name, info in _leaves(RunSettings) if name != "start"),
    ]
    for name, section in _sections(RunSettings):
        parts += [f"\n## {name}\n\n{section.__doc__}\n\n", HEAD]
        parts += [_row(f"{name}.{leaf}", info) for leaf, info in _leaves(section)]
    parts += ["\n## terms\n\n", _terms(), "\n## Recipes\n\n", _recipes()]
    return "".join(parts)


def command_page() -> str:
    """Return the page of all commands with their arguments and options."""
    # typer brings its own copy of click in newer versions, so no class of click's is named here.
    group: Any = typer.main.get_command(app)
    parts = [NOTE, "# Command line\n\n", f"{_paragraphs(group.help)}\n\n"]
    for name, command in group.commands.items():
        usage = " ".join(_usage(parameter) for parameter in command.params if _is_named_in_usage(parameter))
        parts.append(
            f"## {name}\n\n```text\nem-autoclass {name} {usage} [OPTIONS]\n```\n\n{_paragraphs(command.help)}\n\n"
        )
        rows = [_parameter(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)]
        if rows:
            parts.append("| | |\n|---|---|\n" + "".join(rows) + "\n")
    return "".join(parts).rstrip() + "\n"


def _sections(settings: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, info in settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield name, info.annotation


def _leaves(settings: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    sections = dict(_sections(settings))
    for name, info in settings.model_fields.items():
        if name not in (*sections, "terms", "kind"):
            yield name, info


def _row(path: str, info: FieldInfo) -> str:
    extra: dict[str, Any] = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    cells = (f"`{path}`", _value(info.default), _bounds(info), str(extra.get("unit", "")), info.description or "")
    return "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in cells) + " |\n"


def _value(default: object) -> str:
    if default is None:
        return "empty"
    return f"`{', '.join(map(str, default)) if isinstance(default, tuple) else default}`"


def _bounds(info: FieldInfo) -> str:
    choices = [value for value in typing.get_args(info.annotation) if isinstance(value, str)]
    if choices:
        return ", ".join(choices)
    signs = {"ge": "≥ {}", "gt": "> {}", "le": "≤ {}", "lt": "< {}", "multiple_of": "multiple of {}"}
    limits = [(getattr(rule, name, None), sign) for rule in info.metadata for name, sign in signs.items()]
    shown = [(f"{limit:g}" if isinstance(limit, float) else limit, sign) for limit, sign in limits if limit is not None]
    return ", ".join(sign.format(limit) for limit, sign in shown)


def _terms() -> str:
    parts = ["The terms a recipe may hold, addressed by kind: `--set terms.balance.weight=0.5`.\n"]
    for term in typing.get_args(typing.get_args(AnyLossTerm)[0]):
        kind = term.model_fields["kind"].default
        path = f"terms.{kind}"
        parts += [f"\n### {kind}\n\n{_paragraphs(term.__doc__)}\n\n", HEAD]
        parts += [_row(f"{path}.{name}", info) for name, info in _leaves(term)]
    return "".join(parts)


def _recipes() -> str:
    rows = []
    for name in recipe_names():
        terms = ", ".join(term.kind for term in load_recipe(name).terms if term.weight > 0) or "none"
        rows.append(f"| `{name}` | {recipe_card(name).about} | {terms} |\n")
    return "| recipe | what it does | terms |\n|---|---|---|\n" + "".join(rows)


def _is_named_in_usage(parameter: Any) -> bool:
    return bool(parameter.required or parameter.param_type_name == "argument")


def _usage(parameter: Any) -> str:
    name = str(parameter.name).upper()
    if parameter.param_type_name == "option":
        return f"{parameter.opts[0]} {name}"
    return name if parameter.required else f"[{name}]"


def _parameter(parameter: Any) -> str:
    is_option = parameter.param_type_name == "option"
    name = ", ".join(parameter.opts + parameter.secondary_opts) if is_option else str(parameter.name).upper()
    text = str(getattr(parameter, "help", None) or "").replace("|", r"\|").replace("\n", " ")
    shown = getattr(parameter, "show_default", True)  # True, False, or the words to show
    if shown is True:
        shown = "" if parameter.default in (None, False, (), []) or callable(parameter.default) else parameter.default
    default = f" Default: {str(shown).strip('()')}." if shown else ""
    return f"| `{name}` | {text}{default} |\n"


def _paragraphs(text: str | None) -> str:
    """Return a docstring without its indentation, its code marks in Markdown's form, its examples as one block."""
    lines = [line.strip() for line in (text or "").replace("``", "`").replace("\b", "").strip().splitlines()]
    plain = re.sub(r"\[/?bold\]", "`", "\n".join(lines))
    return re.sub(r"(?:^\$ .*\n*)+", _as_console, plain, flags=re.MULTILINE).rstrip()


def _as_console(examples: re.Match[str]) -> str:
    commands = "\n".join(line for line in examples[0].splitlines() if line)
    marker = _NEEDS_CLUSTER if "tcp://" in commands else ""
    return f"{marker}```console\n{commands}\n```\n\n"


def main() -> int:
    """Write the pages, or with ``--check`` return 1 if one is stale."""
    os.environ.update(COLUMNS="100", NO_COLOR="1")
    stale = 0
    pages = {"settings.md": settings_page(), "command-line.md": command_page(), "recipes.md": NOTE + recipes_page()}
    for name, text in pages.items():
        path = REFERENCE / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale = 1
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="utf-8", newline="\n")
        print(f"{path}: {'stale' if '--check' in sys.argv[1:] else 'written'}")
    return stale if "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    raise SystemExit(main())
