"""Python's parser, one thread at a time.

CPython up to 3.11.7 and 3.12.1 counts the depth of a syntax tree in one place for all threads, so that two threads that
parse at once may fail with a SystemError (https://github.com/python/cpython/issues/106905). `numpy.load` parses too:
the head of a file.
"""

from __future__ import annotations

import threading

__all__ = ["one_parser"]

one_parser = threading.RLock()
"""Held while something is parsed: `with one_parser: ...`."""
