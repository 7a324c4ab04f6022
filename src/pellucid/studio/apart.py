"""An answer of the studio that takes long, computed in a process of its own, which can be stopped.

    python -m pellucid.studio.apart FOLDER QUESTION DOCUMENT

It prints what the studio itself would answer, as JSON. An error is said on standard error, and the exit status is 2.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pellucid.ground.errors import UserError, system_error
from pellucid.ground.plain import plain
from pellucid.studio.answering import Asked
from pellucid.studio.views import comparing, mistakes
from pellucid.studio.workplace import Workplace

__all__ = ["main"]

QUESTIONS: dict[str, Callable[[Workplace, Asked], dict[str, Any]]] = {**mistakes.LONG, **comparing.LONG}


def main(folder: str, question: str, document: str) -> int:
    """Compute one answer and print it; give the exit status."""
    asked = Asked(json.loads(document))
    workplace = Workplace(Path(folder), trust=bool(asked.pop("trusted", False)))
    try:
        answer = QUESTIONS[question](workplace, asked)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(system_error(error), file=sys.stderr)
        return 2
    print(json.dumps(plain(answer), allow_nan=False))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
