"""How commands print: one JSON document, the files they wrote, and letters that a terminal may lack."""

from __future__ import annotations

import codecs
import json
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click

from pellucid.cli.options import json_option

__all__ = ["announce", "echo", "json_option", "print_json", "write_what_the_terminal_has"]

PLAIN = {**dict(zip("─│┌┐└┘├┤┬┴┼×·−–", "-|+++++++++x*--", strict=True)), "…": "...", "→": "->", "≈": "~"}
"""What stands for a character that the terminal's encoding lacks; `?` for any other."""


def print_json(document: Any) -> None:
    """Print one JSON document on standard output; NaN and infinity are refused, since JSON has neither."""
    text = json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(document, indent=2, allow_nan=False, ensure_ascii=True)
    click.echo(text)


def echo(text: str) -> None:
    """Print a text full of boxes and arrows, in plain characters where standard output is ASCII.

    `click.echo` would take ASCII for a mistake of the surroundings and write UTF-8.
    """
    click.echo(text, file=sys.stdout)


def announce(*paths: Path | str) -> None:
    """Say which files were written, in the one way all commands do; on standard error, beside what was asked for."""
    click.echo(f"Wrote {', '.join(map(str, paths))}", err=True)


def write_what_the_terminal_has() -> None:
    """Let what is printed lose a character that the output's encoding lacks, rather than fail.

    A pipe on Windows, or a terminal in the C locale, has no box-drawing characters.
    """
    codecs.register_error("pellucid-plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and (stream.encoding or "").lower().replace("-", "") != "utf8":
            stream.reconfigure(errors="pellucid-plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(PLAIN.get(letter, "?") for letter in error.object[error.start : error.end]), error.end
