"""Running the modules of pages in Node, which has no page."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from pellucid.web import modules_folder

NODE = shutil.which("node")
NO_NODE = "node is not installed (Debian: apt-get install nodejs)"


def in_node(script: Path, question: Any) -> Any:
    """Give a script of the tests the folder of modules and a question as JSON; return its answer."""
    command = [str(NODE), str(script), str(modules_folder())]
    answer = subprocess.run(command, input=json.dumps(question), capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)
