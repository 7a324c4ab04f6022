"""What a person reads when a network cannot be exported: which operation, and where it stands."""

from __future__ import annotations

import contextlib
import linecache
import re
import traceback
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from pellucid.ground.errors import UserError

__all__ = ["explaining"]

OPERATION = re.compile(r"(?:OpOverload\(op='|torch\.ops\.)?\b((?:aten|torchvision|prims|quantized)[.:]+\w+(?:\.\w+)?)")
ELSEWHERE = (Path(torch.__file__).parent.parent, Path(__file__).parent)
REMEDY = "write it with other operations of torch, and train again or load its weights"


@contextlib.contextmanager
def explaining(name: str, network: nn.Module) -> Iterator[None]:
    """Turn whatever torch raises while it exports a network into what is wrong with the network.

    Raises:
        UserError: naming the operation or the line.
    """
    try:
        yield
    except (UserError, MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # torch.export and the converter raise anything at all, and chain it
        chain = list(_chain(error))
        line = next(filter(None, (_line(link) for link in chain)), "")
        operation = next((match[1] for link in reversed(chain) if (match := OPERATION.search(str(link)))), "")
        reason = next((text for link in reversed(chain) if (text := _first_sentence(link))), type(error).__name__)
        what = f"its operation {operation} cannot be expressed" if operation else reason
        where = f", at {line}" if line else ""
        raise UserError(f"{name} cannot be exported: {what}{where}; {REMEDY}") from error


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _line(error: BaseException) -> str:
    """Find the innermost line of a network's own code that an error came through."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        inside = any(path.is_relative_to(folder) for folder in ELSEWHERE)
        if not inside and frame.lineno and path.suffix == ".py":
            code = frame.line or linecache.getline(frame.filename, frame.lineno).strip()
            return f"{path.name}:{frame.lineno} ({code})"
    return ""


def _first_sentence(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300].rstrip(".") if lines else ""
