"""Out of memory, recognised in the words of every device and system: torch has no one type for it."""

from __future__ import annotations

import re
import sys

__all__ = ["is_out_of_memory"]

WORDS = re.compile(
    r"can't allocate memory"  # the CPU, on Linux and macOS
    r"|DefaultCPUAllocator: not enough memory"  # the CPU, on Windows
    r"|out of memory"  # CUDA, and "MPS backend out of memory"
    r"|Invalid buffer size"  # MPS, where one tensor is larger than the GPU takes
    r"|CUDNN_STATUS_(ALLOC_FAILED|INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED)"
    r"|CUBLAS_STATUS_ALLOC_FAILED"
    r"|Unable to find a valid cuDNN algorithm|FIND was unable to find an engine"  # what cuDNN says when memory is short
    r"|Storage size calculation overflowed|std::bad_alloc",
    re.IGNORECASE,
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice, on whatever device.

    >>> is_out_of_memory(RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"))
    True
    >>> is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    False
    """
    torch = sys.modules.get("torch")  # whose error it can only be where it is loaded
    if isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and WORDS.search(str(error)) is not None
