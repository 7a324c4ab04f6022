"""The command line: every command, each thin; what they do lives in the packages below."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import click
from click.shell_completion import CompletionItem

from pellucid.cli.output import write_what_the_terminal_has
from pellucid.cli.suggestions import nearest_command
from pellucid.cli.version import version_option
from pellucid.ground.errors import UserError

__all__ = ["COMMANDS", "GROUPS", "main", "pellucid"]


@dataclass(frozen=True)
class Entry:
    """A command in the table of contents."""

    module: str
    """The file in `pellucid/cli` that holds a click command of the entry's name."""
    summary: str
    """What the list of commands says of it; so short that it is whole in 80 columns."""


GROUPS: dict[str, dict[str, Entry]] = {
    "Learn": {
        "convolve": Entry("convolve", "Convolve numbers or functions, step by step."),
        "filter": Entry("filter", "Slide a filter over an image file."),
        "layers": Entry("layers", "List a network's layers: shapes, parameters, multiply-adds."),
    },
    "Train": {
        "train": Entry("train", "Train a network on images and test it."),
        "resume": Entry("train", "Continue a stopped run where it stopped."),
        "runs": Entry("lists", "List the runs: how far each came and how good it is."),
        "datasets": Entry("datasets", "List the data sets that have a name."),
        "networks": Entry("lists", "List the networks that have a name."),
        "recipes": Entry("lists", "List the recipes and their settings."),
    },
    "Inspect": {
        "trace": Entry("trace", "Trace any value of a network back to the pixels, term by term."),
        "step": Entry("step", "Repeat one training step and recompute it for one weight."),
        "explain": Entry("explain", "Map the pixels that are evidence for a class."),
        "maps": Entry("maps", "Show the feature maps of every layer on an image."),
        "activations": Entry("activations", "Find the images that activate a unit or a channel most."),
        "history": Entry("history", "Show how a unit and a prediction changed over the epochs."),
        "why": Entry("why", "Follow a prediction back to its causes."),
    },
    "Evaluate": {
        "evaluate": Entry("evaluate", "Measure accuracy, confusion and calibration on unseen images."),
        "mistakes": Entry("mistakes", "List the misclassified images, the most confident first."),
        "robustness": Entry("robustness", "Measure accuracy under noise, blur, shift and other changes."),
        "compare": Entry("compare", "Compare runs on the same images, with a significance test."),
        "audit": Entry("audit", "Find duplicates, suspicious images and doubtful labels."),
        "report": Entry("report", "Write a run's report as one HTML file."),
    },
    "Set up": {
        "demo": Entry("demo", "Train, test and report a network on real images: three minutes."),
        "completion": Entry("completion", "Let the shell complete commands, runs, units and classes."),
    },
}
"""The table of contents, by what a person wants to do, in the order in which a newcomer needs it."""

COMMANDS: dict[str, Entry] = {name: entry for group in GROUPS.values() for name, entry in group.items()}


class CommandTable(click.Group):
    """Shows the table of contents, and loads a command's file when that command is asked for.

    These files import click and the standard library at their top, nothing heavier.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"pellucid.cli.{COMMANDS[cmd_name].module}")
        command = getattr(module, cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or suggest the nearest one."""
        word = args[0]
        if word not in COMMANDS and not word.startswith("-") and not ctx.resilient_parsing:
            near = nearest_command(word, COMMANDS)
            hint = f"Did you mean {near!r}?" if near else "`pellucid --help` lists the commands."
            raise click.UsageError(f"No such command {word!r}. {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands under the headings of the table."""
        width = max(map(len, COMMANDS))
        for heading, group in GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), entry.summary) for name, entry in group.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the commands with their summaries, and the options."""
        named = [
            CompletionItem(name, help=entry.summary) for name, entry in COMMANDS.items() if name.startswith(incomplete)
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
