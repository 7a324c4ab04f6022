"""The command line: every command, each thin; what they do lives in the packages below."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from pellucid import __version__
from pellucid.errors import UserError

__all__ = ["main", "pellucid"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="pellucid")
def pellucid() -> None:
    """Convolutional networks that you can see through."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, or 2 for a user's mistake, or 130 after Ctrl-C. Never a traceback for those."""
    try:
        result = pellucid.main(args=arguments, prog_name="pellucid", standalone_mode=False)
    except UserError as error:
        click.echo(f"Error: {error}", err=True)
        return 2
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return 130
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    sys.exit(main())
