"""What can be done to a run from the page: the commands, what they are called, and the run's files that they write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pellucid.run import Run, RunFile

__all__ = ["PICTURES", "TOOLS", "Tool"]

PICTURES = ("confusion.png", "reliability.png", "coverage.png")
"""What `evaluate --figures` draws."""


@dataclass(frozen=True)
class Tool:
    """One thing that can be done to a run.

    Attributes:
        name: as it is asked for.
        title, sentence: what the page says of it.
        words: of its command, before and after the run.
        files: of the run, which it writes.
        replaces_by: the option without which it refuses to replace a file.
    """

    name: str
    title: str
    sentence: str
    words: tuple[tuple[str, ...], tuple[str, ...]]
    files: tuple[str, ...]
    replaces_by: str = ""
    takes_epoch: bool = True

    def words_for(self, run: Run, epoch: list[str]) -> list[str | Path]:
        """Give the words of its command; `epoch` are those that choose one."""
        before, after = self.words
        return [*before, run.directory, *after, *(epoch if self.takes_epoch else [])]


TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            "evaluate",
            "Evaluate",
            "Measures what it gets right on images it has not seen, and whether its confidence is reliable.",
            (("evaluate",), ("--figures",)),
            (RunFile.EVALUATION, RunFile.PREDICTIONS, RunFile.CALIBRATION, *PICTURES),
        ),
        Tool(
            "robustness",
            "Robustness",
            "Measures its accuracy under noise, blur, shift and other changes of the images.",
            (("robustness",), ()),
            (RunFile.ROBUSTNESS, RunFile.ROBUSTNESS_PICTURE),
        ),
        Tool(
            "audit",
            "Audit",
            "Looks through its images for duplicates, suspicious images and labels that the network doubts.",
            (("audit", "--run"), ()),
            (RunFile.AUDIT, RunFile.DUPLICATES),
            takes_epoch=False,
        ),
        Tool(
            "report",
            "Report",
            "Writes everything about this run as one HTML file, which loads nothing from elsewhere.",
            (("report",), ()),
            (RunFile.REPORT,),
        ),
        Tool(
            "page",
            "Export a page",
            "Writes one HTML file in which the network itself runs, offline, on a phone too.",
            (("export",), ("--to", "page")),
            (RunFile.PAGE,),
            "--force",
        ),
        Tool(
            "onnx",
            "Export to ONNX",
            "Writes one file for ONNX Runtime, with everything from a picture's bytes to the decision inside.",
            (("export",), ("--to", "onnx")),
            (RunFile.ONNX,),
            "--force",
        ),
        Tool(
            "torch",
            "Export for torch",
            "Writes one file for torch, which then needs no code of the network.",
            (("export",), ("--to", "torch")),
            (RunFile.TORCH,),
            "--force",
        ),
    )
}
