"""The command line: every command, each thin; what they do lives in the packages below."""

from __future__ import annotations

import contextlib
import errno
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
from pellucid.cli.output import (
    READER_GONE,
    OutputLost,
    give_up_output,
    guarded_streams,
    open_missing_streams,
    output_problem,
    raise_if_output_is_lost,
    write_what_the_terminal_has,
)
from pellucid.cli.suggestions import nearest_command
from pellucid.cli.version import version_option
from pellucid.ground.errors import UserError, system_error

__all__ = ["SECTIONS", "command_names", "in_order", "load_command", "main", "pellucid"]


SECTIONS = ("Learn", "Train", "Inspect", "Evaluate", "Use", "Set up")
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
    """Run one command and return its exit status; no traceback for what a person or the system can mend.

    0: done. 1: the system failed (a full disk, a closed output). 2: a user's mistake. 130: after Ctrl-C.
    """
    open_missing_streams()
    write_what_the_terminal_has()
    completes = "_PELLUCID_COMPLETE" in os.environ  # a shell reads bytes, and escapes what it shows
    with contextlib.nullcontext() if completes else guarded_streams():
        try:
            status = _run(arguments)
            problem = output_problem()
        except OutputLost as lost:
            status, problem = 1, str(lost)
        if problem is None:
            return status
        give_up_output()
        if problem != READER_GONE:
            _say(f"Error: not everything could be printed on standard output: {problem}")
        return status or 1


def _run(arguments: Sequence[str] | None) -> int:
    streams = sys.stdout, sys.stderr
    try:
        result = pellucid.main(args=arguments, prog_name="pellucid", standalone_mode=False)
    except UserError as error:
        _say(f"Error: {error}")
        return 2
    except click.ClickException as error:
        if _speaks():
            error.show()
        return 2
    except (click.Abort, KeyboardInterrupt) as abort:
        cause = abort.__cause__ or abort  # click wraps what interrupted it
        _say(f"Stopped. {cause}".rstrip())
        return getattr(cause, "exit_status", 130)
    except SystemExit:
        if sys.stdout is streams[0]:
            raise
        sys.stdout, sys.stderr = streams  # click puts others in their place when a pipe is closed, and leaves
        raise OutputLost(READER_GONE) from None
    except OSError as error:
        raise_if_output_is_lost(error)
        _say(f"Error: {system_error(error)}")
        return 2 if error.errno == errno.ENAMETOOLONG else 1
    except (MemoryError, RuntimeError) as error:
        from pellucid.ground.exhaustion import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        reason = str(error).splitlines()[0] if str(error) else "no more was said"
        _say(f"Error: the memory does not suffice for this; try smaller images, or fewer at once ({reason})")
        return 1
    return result if isinstance(result, int) else 0


def _speaks() -> bool:
    """Whether this process talks to the person; of several that train together, the first one does."""
    return os.environ.get("RANK", "0") == "0"


def _say(text: str) -> None:
    """Print on standard error, if that still can be."""
    if _speaks():
        with contextlib.suppress(OSError):
            click.echo(text, err=True)


if __name__ == "__main__":
    sys.exit(main())
