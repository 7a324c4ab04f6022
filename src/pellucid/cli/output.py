"""What commands have in common: the `--json` option and the one document it prints."""

from __future__ import annotations

import json
from typing import Any

import click

__all__ = ["json_option", "print_json"]

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on standard output, and nothing else there."
)


def print_json(document: Any) -> None:
    """Print one JSON document on standard output; NaN and infinity are refused, since JSON has neither."""
    click.echo(json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False))
