"""The program ``em-autoclass``: its commands, and how each of them ends.

Nothing heavy is imported before a command has understood its arguments: help, and most mistakes, answer at once.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from napari_em_autoclass.cli.asem import asem
from napari_em_autoclass.cli.classes import classes
from napari_em_autoclass.cli.compare import compare
from napari_em_autoclass.cli.demo import demo
from napari_em_autoclass.cli.elsewhere import attach
from napari_em_autoclass.cli.exits import INTERRUPTED, exit_of
from napari_em_autoclass.cli.export_model import export_model
from napari_em_autoclass.cli.info import info
from napari_em_autoclass.cli.phantom import phantom
from napari_em_autoclass.cli.predict import predict
from napari_em_autoclass.cli.probe import probe
from napari_em_autoclass.cli.prompts import prompts
from napari_em_autoclass.cli.recipes import recipes
from napari_em_autoclass.cli.refine import refine
from napari_em_autoclass.cli.score import score
from napari_em_autoclass.cli.signals import sigterm_like_ctrl_c
from napari_em_autoclass.cli.train import train

__all__ = ["app", "main"]

PROGRAM = "em-autoclass"

app = typer.Typer(
    name=PROGRAM,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
_COMMANDS = (
    train,
    attach,
    predict,
    classes,
    probe,
    refine,
    score,
    compare,
    recipes,
    prompts,
    asem,
    export_model,
    info,
    phantom,
    demo,
)
for command in _COMMANDS:
    app.command(command.__name__.replace("_", "-"), no_args_is_help=False)(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 1 (our fault), 2 (the user can mend it) or 130 (interrupted)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    given = [argument for argument in given if argument != "--debug"] or ["--help"]
    try:
        with _libraries_kept_quiet(debug), sigterm_like_ctrl_c():
            code = _run(given)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            traceback.print_exception(error)
        code, line = exit_of(error)
        typer.echo(f"{PROGRAM}: {line}", err=True)
    return code


@app.callback()
def _program(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of every error.")] = False,
) -> None:
    """Learn a map of K classes from your own unlabelled electron-microscopy stack.

    [bold]em-autoclass demo[/bold] shows the whole way on a made-up stack. With a stack of yours:

    $ em-autoclass train stack.ome.tif --out my-run --seconds 240

    $ em-autoclass predict my-run stack.ome.tif --out classes.ome.zarr

    $ em-autoclass classes my-run --merge 3,7 --name mitochondria
    """


def _run(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        from napari_em_autoclass import __version__

        typer.echo(f"{PROGRAM} {__version__}")
        return 0
    command = typer.main.get_command(app)
    code = command.main(args=arguments, prog_name=PROGRAM, standalone_mode=False)
    if code == INTERRUPTED:  # Typer's translation of Ctrl-C
        raise KeyboardInterrupt
    return code if isinstance(code, int) else 0


@contextmanager
def _libraries_kept_quiet(debug: bool) -> Iterator[None]:
    """Keep warnings and log lines of libraries off the terminal: what the user must know is said by us."""
    if debug:
        yield
        return
    last_resort = logging.lastResort
    logging.lastResort = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.lastResort = last_resort
