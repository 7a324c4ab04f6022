"""Other spellings of commands and options: those that are accepted, and those that lead to a suggestion."""

from __future__ import annotations

import difflib
from collections.abc import Collection

__all__ = ["ACCEPTED_OPTIONS", "nearest_command", "nearest_option", "spelled_as_declared"]

ACCEPTED_OPTIONS = {
    "--lr": "--learning-rate",
    "--batch": "--batch-size",
    "--imgsz": "--size",
}
"""Names that other programs have for an option: accepted where the command has the option, and not shown in help."""

OPTIONS_ELSEWHERE = {
    "--arch": "--network",
    "--dest": "--out",
    "--gpu": "--device",
    "--limit": "--top",
    "--model": "--network",
    "--most": "--top",
    "--output": "--out",
    "--overwrite": "--force",
    "--target": "--class",
    "--val": "--validation",
    "--wd": "--weight-decay",
}
COMMANDS_ELSEWHERE = {
    "continue": "resume",
    "errors": "mistakes",
    "fit": "train",
    "list": "runs",
    "models": "networks",
    "start": "train",
    "summary": "layers",
    "test": "evaluate",
}
"""What other programs call it, where the letters alone would not lead there."""


def nearest_command(word: str, commands: Collection[str]) -> str | None:
    """Find the command that a word most likely means.

    >>> commands = ["train", "trace"]
    >>> nearest_command("trian", commands), nearest_command("fit", commands), nearest_command("zzz", commands)
    ('train', 'train', None)
    """
    return _nearest(word, commands, COMMANDS_ELSEWHERE)


def nearest_option(word: str, options: Collection[str]) -> str | None:
    """Find the option that a word most likely means.

    >>> nearest_option("--epoch", ["--epochs", "--seed"]), nearest_option("--model", ["--network"])
    ('--epochs', '--network')
    """
    return _nearest(word, options, OPTIONS_ELSEWHERE)


def spelled_as_declared(word: str, options: Collection[str]) -> str:
    """Turn an accepted spelling of an option into the declared one: `--lr 0.1`, `--batch_size=8`.

    >>> spelled_as_declared("--lr=0.1", ["--learning-rate"]), spelled_as_declared("--batch_size", ["--batch-size"])
    ('--learning-rate=0.1', '--batch-size')
    >>> spelled_as_declared("--batch", ["--batch", "--batch-size"])
    '--batch'
    """
    name, equals, value = word.partition("=")
    if not name.startswith("--") or name in options:
        return word
    for declared in (ACCEPTED_OPTIONS.get(name), name.replace("_", "-")):
        if declared in options:
            return f"{declared}{equals}{value}"
    return word


def _nearest(word: str, names: Collection[str], elsewhere: dict[str, str]) -> str | None:
    if elsewhere.get(word) in names:
        return elsewhere[word]
    by_letters = {name.lstrip("-"): name for name in sorted(names)}
    near = difflib.get_close_matches(word.lstrip("-"), by_letters, n=1, cutoff=0.6)
    return by_letters[near[0]] if near else None
