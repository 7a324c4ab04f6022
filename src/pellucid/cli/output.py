"""How commands print: one JSON document, and which files they wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from pellucid.cli.options import json_option

__all__ = ["announce", "json_option", "print_json"]


def print_json(document: Any) -> None:
    """Print one JSON document on standard output; NaN and infinity are refused, since JSON has neither."""
    click.echo(json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False))


def announce(*paths: Path | str) -> None:
    """Say which files were written, in the one way all commands do; on standard error, beside what was asked for."""
    click.echo(f"Wrote {', '.join(map(str, paths))}", err=True)
