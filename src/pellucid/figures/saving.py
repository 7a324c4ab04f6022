"""Figures to files, with a description for screen readers inside the file."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from html import escape
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from pellucid.ground.errors import UserError
from pellucid.ground.files import write_bytes

__all__ = ["check_destination", "save_animation", "save_figure"]


def check_destination(path: Path, endings: tuple[str, ...], force: bool) -> None:
    """Refuse a name of another format, or an existing file without `force`; asked before any work is done."""
    if path.suffix.lower() not in endings:
        raise UserError(f"{path} does not end in {' or '.join(endings)}; expected one of these formats")
    if path.exists() and not force:
        raise UserError(f"{path} exists already; give another name, or --force to replace it")


def save_figure(figure: Figure, path: Path, *, force: bool = False) -> None:
    """Write a figure as PNG or SVG, whole or not at all; its label becomes the description inside the file.

    PNG files get a text chunk "Description", SVG files a `<title>`, which browsers read aloud.

    Raises:
        UserError: another ending than .png or .svg, or the file exists and `force` is not given.
    """
    check_destination(path, (".png", ".svg"), force)
    words = str(figure.get_label())
    if path.suffix.lower() == ".png":
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Description": words, "Software": "pellucid"})
        write_bytes(path, buffer.getvalue())
        return
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Description": words})
    titled = re.sub(
        r"(<svg\b)([^>]*>)",
        lambda tag: f'{tag[1]} role="img"{tag[2]}\n <title>{escape(words)}</title>',
        text.getvalue(),
        count=1,
    )
    write_bytes(path, titled.encode())


def save_animation(
    figures: Iterable[Figure], path: Path, description: str, *, seconds: float = 1.0, force: bool = False
) -> int:
    """Write figures of one size as a GIF that repeats, whole or not at all; return the number of frames.

    The last frame stays three times as long. The description becomes the comment inside the file.

    Raises:
        UserError: another ending than .gif, or the file exists and `force` is not given.
    """
    check_destination(path, (".gif",), force)
    frames = [_frame(figure) for figure in figures]
    durations = [round(1000 * seconds)] * len(frames)
    durations[-1] *= 3
    # one palette for all frames: colours that change from frame to frame flicker
    palette = _side_by_side(frames[0], frames[len(frames) // 2], frames[-1]).quantize(256, dither=Image.Dither.NONE)
    flat = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    buffer = io.BytesIO()
    flat[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=flat[1:],
        duration=durations,
        loop=0,
        optimize=False,
        comment=description.encode("utf-8")[:255],
    )
    write_bytes(path, buffer.getvalue())
    return len(frames)


def _side_by_side(*frames: Image.Image) -> Image.Image:
    """Join the frames whose colours the palette is made of."""
    joined = Image.new("RGB", (frames[0].width * len(frames), frames[0].height))
    for position, frame in enumerate(frames):
        joined.paste(frame, (position * frame.width, 0))
    return joined


def _frame(figure: Figure) -> Image.Image:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return Image.open(buffer).convert("RGB")
