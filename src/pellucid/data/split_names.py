"""Which folder names mean a split: `train`, `Training`, `train_images`, `dev`, `TestSet` and the like."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["mentions_split", "nfc", "split_of"]

# fmt: off
SPLIT_WORDS = {
    "train": "train", "training": "train", "trn": "train",
    "val": "val", "valid": "val", "validation": "val", "validate": "val", "validating": "val", "dev": "val",
    "devel": "val", "development": "val", "eval": "val", "evaluation": "val",
    "test": "test", "testing": "test", "tst": "test",
}
"""`eval` and `evaluation` are read as `val`: what a training looks at, which is never called unseen."""

OTHER_WORDS = frozenset({
    "data", "dataset", "files", "folder", "image", "images", "imgs", "img", "jpg", "jpeg", "photo", "photos", "pic",
    "pics", "picture", "pictures", "png", "sample", "samples", "set", "split",
})
# fmt: on
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\W_]+")


def nfc(text: str) -> str:
    """Write a name in Unicode's composed form, in which `café` is one text, however a disk spells it."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def split_of(name: str) -> str | None:
    """Return the split that a folder's name means (`train`, `val` or `test`), or None.

    >>> split_of("Training"), split_of("images-dev"), split_of("TestSet"), split_of("steam_train"), split_of("retest")
    ('train', 'val', 'test', None, None)
    """
    splits, others = _words(name)
    return next(iter(splits)) if len(splits) == 1 and not others else None


def mentions_split(name: str) -> bool:
    """Tell whether a folder's name has a word for a split among other words, as `seg_train` and `steam_train` have."""
    splits, others = _words(name)
    return bool(splits) and (others or len(splits) > 1)


def _words(name: str) -> tuple[set[str], bool]:
    """Return the splits that a name has words for, and whether it has other words of meaning."""
    splits, others = set(), False
    for word in WORD.findall(unicodedata.normalize("NFKC", name)):
        lower = word.lower()
        for ending in ("set", "data", "images"):
            if lower.removesuffix(ending) in SPLIT_WORDS:
                lower = lower.removesuffix(ending)
        if lower in SPLIT_WORDS:
            splits.add(SPLIT_WORDS[lower])
        elif lower not in OTHER_WORDS:
            others = True
    return splits, others
