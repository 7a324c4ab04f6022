"""The command line: every command, each thin; what they do lives in the packages below."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from pellucid.ground.errors import UserError
from pellucid.ground.version import VERSION

__all__ = ["main", "pellucid"]


COMMANDS: dict[str, str] = {
    "train": "pellucid.cli.train",
    "resume": "pellucid.cli.train",
    "evaluate": "pellucid.cli.evaluate",
    "trace": "pellucid.cli.trace",
    "step": "pellucid.cli.step",
    "explain": "pellucid.cli.explain",
    "activations": "pellucid.cli.activations",
    "maps": "pellucid.cli.maps",
    "history": "pellucid.cli.history",
    "why": "pellucid.cli.why",
    "mistakes": "pellucid.cli.mistakes",
    "robustness": "pellucid.cli.robustness",
    "compare": "pellucid.cli.compare",
    "audit": "pellucid.cli.audit",
    "report": "pellucid.cli.report",
    "runs": "pellucid.cli.lists",
    "datasets": "pellucid.cli.datasets",
    "networks": "pellucid.cli.lists",
    "layers": "pellucid.cli.layers",
    "recipes": "pellucid.cli.lists",
    "convolve": "pellucid.cli.convolve",
    "filter": "pellucid.cli.filter",
}
"""Each command's name and the module that holds a click command of that name (`-` read as `_`)."""


class CommandTable(click.Group):
    """Loads a command's module when the command is asked for, or when the help lists them all.

    These modules import click and the standard library at their top, nothing heavier.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order of the table, which is the order a newcomer needs them in."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(COMMANDS[cmd_name]), cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command


@click.group(
    cls=CommandTable,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(VERSION, prog_name="pellucid")
def pellucid() -> None:
    """Convolutional networks that you can see through."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, or 2 for a user's mistake, or 130 after Ctrl-C. Never a traceback for those."""
    try:
        result = pellucid.main(args=arguments, prog_name="pellucid", standalone_mode=False)
    except UserError as error:
        if os.environ.get("RANK", "0") == "0":  # of several processes, one speaks
            click.echo(f"Error: {error}", err=True)
        return 2
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt) as abort:
        cause = abort.__cause__ or abort  # click wraps what interrupted it
        if os.environ.get("RANK", "0") == "0":
            click.echo(f"Stopped. {cause}".rstrip(), err=True)
        return getattr(cause, "exit_status", 130)
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    sys.exit(main())
