"""One image through a network in a notebook, to be clicked: no server and no port, the kernel answers.

The page's modules are the studio's; what the studio fetches from its server they ask of the kernel here, as messages
of [anywidget](https://anywidget.dev), which Jupyter, marimo, VS Code and Colab carry.
"""

from __future__ import annotations

__all__: list[str] = []
