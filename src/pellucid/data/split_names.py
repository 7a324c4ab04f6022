"""Which folder names mean a split: `train`, `Training`, `train_images`, `dev`, `TestSet` and the like."""

from __future__ import annotations

import functools
import re
import unicodedata

__all__ = ["mentions_split", "nfc", "says_nothing", "split_of"]

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
WORDS_OF_OTHERS = """
entrenamiento entrenar entreno prueba pruebas validación evaluación treino treinamento treinar teste testes validação
avaliação entraînement apprentissage essai essais évaluation trainieren trainings trainingsdaten lernen lerndaten
testdaten prüfung validierung validierungsdaten addestramento allenamento prova prove convalida validazione verifica
trainen leren proef validatie träning trening uczenie treningowe testowe walidacja trénování ověření tanítás eğitim
doğrulama pelatihan pengujian validasi antrenare обучение тренировка тест проверка валидация навчання перевірка
训练 训练集 测试 测试集 验证 验证集 訓練 測試 驗證 学習 検証 テスト 훈련 학습 테스트 검증 تدريب اختبار प्रशिक्षण परीक्षण
"""
"""Words for splits in other languages. Whoever uses one is asked, for it may be a class as well."""

WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\W_]+")


def says_nothing(name: str) -> bool:
    """Tell whether a folder's name says neither a split nor a class, as `images` and `data_set` do.

    >>> says_nothing("images"), says_nothing("cat"), says_nothing("train_images")
    (True, False, False)
    """
    return _words(name) == (set(), False)


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
    """Tell whether a folder's name has a word for a split among other words, or one of another language.

    >>> mentions_split("seg_train"), mentions_split("entrenamiento"), mentions_split("cat"), mentions_split("train")
    (True, True, False, False)
    """
    splits, others = _words(name)
    return bool(splits) and (others or len(splits) > 1)


def _words(name: str) -> tuple[set[str], bool]:
    """Return the splits that a name has words for, and whether it has other words of meaning."""
    splits, others = set(), False
    for word in WORD.findall(_without_accents(name)):
        lower = word.lower()
        for ending in ("set", "data", "images"):
            if lower.removesuffix(ending) in SPLIT_WORDS:
                lower = lower.removesuffix(ending)
        if lower in _words_of_others():
            splits.add(lower)
            others = True
        elif lower in SPLIT_WORDS:
            splits.add(SPLIT_WORDS[lower])
        elif lower not in OTHER_WORDS:
            others = True
    return splits, others


@functools.cache
def _words_of_others() -> frozenset[str]:
    return frozenset(_without_accents(WORDS_OF_OTHERS).lower().split())


def _without_accents(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text)
    kept = "".join(letter for letter in letters if unicodedata.category(letter) != "Mn")
    return unicodedata.normalize("NFC", kept)
