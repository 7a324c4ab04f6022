"""The audit of a set of images: duplicates within and across splits, balance, suspicious images, doubted labels.

`audit` gives an `Audit` (its fields: `result`); `write_audit` keeps it as `audit.json` and `duplicates.csv`.
"""

from pellucid.auditing import showing as _  # noqa: F401 -- registers the views
from pellucid.auditing.doubts import Doubts, find_doubts
from pellucid.auditing.duplicates import Duplicate, find_duplicates
from pellucid.auditing.look_through import audit, open_images_of, write_audit
from pellucid.auditing.reading import read_audit
from pellucid.auditing.result import Audit, DuplicatePair

__all__ = [
    "Audit",
    "Doubts",
    "Duplicate",
    "DuplicatePair",
    "audit",
    "find_doubts",
    "find_duplicates",
    "open_images_of",
    "read_audit",
    "write_audit",
]
