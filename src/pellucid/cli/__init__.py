"""The command line: every command, each thin; what they do lives in the packages below."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from itertools import groupby
from pkgutil import iter_modules

import click
from click.shell_completion import CompletionItem

from pellucid.cli import commands
from pellucid.cli.command import Command
from pellucid.cli.output import write_what_the_terminal_has
from pellucid.cli.suggestions import nearest_command
from pellucid.cli.version import version_option
from pellucid.ground.errors import UserError

__all__ = ["SECTIONS", "command_names", "in_order", "load_command", "main", "pellucid"]


SECTIONS = ("Learn", "Train", "Inspect", "Evaluate", "Set up")
"""The headings of the help, by what a person wants to do, in the order in which a newcomer needs them."""


def command_names() -> list[str]:
    """List the commands: the files in `cli/commands`."""
    return [file.name.replace("_", "-") for file in iter_modules(commands.__path__)]


def load_command(name: str) -> Command:
    """Import one command's file."""
    module = importlib.import_module(f"{commands.__name__}.{name.replace('-', '_')}")
    command = getattr(module, name.replace("-", "_"))
    assert isinstance(command, Command)
    return command


def in_order() -> list[Command]:
    """List all commands as the help does: by section, then by position."""
    loaded = map(load_command, command_names())
    return sorted(loaded, key=lambda command: (SECTIONS.index(command.section), command.position, command.name or ""))


class CommandTable(click.Group):
    """Shows the table of contents, and loads a command's file when that command is asked for.

    These files import click and the standard library at their top, nothing heavier.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order of the help."""
        return [str(command.name) for command in in_order()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        return load_command(cmd_name) if cmd_name in command_names() else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or suggest the nearest one."""
        word, names = args[0], command_names()
        if word not in names and not word.startswith("-") and not ctx.resilient_parsing:
            near = nearest_command(word, names)
            hint = f"Did you mean {near!r}?" if near else "`pellucid --help` lists the commands."
            raise click.UsageError(f"No such command {word!r}. {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands under the headings of their sections."""
        width = max(map(len, command_names()))
        for heading, section in groupby(in_order(), key=lambda command: command.section):
            with formatter.section(heading):
                formatter.write_dl([(str(command.name).ljust(width), str(command.short_help)) for command in section])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the commands with their summaries, and the options."""
        named = [
            CompletionItem(command.name, help=command.short_help)
            for command in in_order()
            if str(command.name).startswith(incomplete)
        ]
        return named + click.Command.shell_complete(self, ctx, incomplete)


@click.group(
    cls=CommandTable,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`pellucid COMMAND --help` explains a command and shows examples.",
)
@version_option
def pellucid() -> None:
    """Convolutional networks that you can see through."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, or 2 for a user's mistake, or 130 after Ctrl-C. Never a traceback for those."""
    write_what_the_terminal_has()
    speaks = os.environ.get("RANK", "0") == "0"  # of several processes, one speaks
    try:
        result = pellucid.main(args=arguments, prog_name="pellucid", standalone_mode=False)
    except UserError as error:
        if speaks:
            click.echo(f"Error: {error}", err=True)
        return 2
    except click.ClickException as error:
        if speaks:
            error.show()
        return 2
    except (click.Abort, KeyboardInterrupt) as abort:
        cause = abort.__cause__ or abort  # click wraps what interrupted it
        if speaks:
            click.echo(f"Stopped. {cause}".rstrip(), err=True)
        return getattr(cause, "exit_status", 130)
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    sys.exit(main())
