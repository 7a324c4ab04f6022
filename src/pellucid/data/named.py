"""The table of the image sets known by name. To add one, add an entry here, or call `register_data_set` from outside.

Addresses and MD5 sums of the IDX files are those of torchvision's data-set sources; those of the two CIFAR archives
in the binary version are published on the CIFAR page (the Python version is a pickle, which is never loaded here).
"""

from __future__ import annotations

from functools import partial

from pellucid.data.cifar import read_cifar
from pellucid.data.idx import read_idx
from pellucid.data.named_set import DebianPackage, Download, NamedSet
from pellucid.ground.errors import UserError

__all__ = ["NAMED", "NamedSet", "register_data_set"]

NAMED: dict[str, NamedSet] = {}
"""Every named set by its name, in the order in which they are listed."""


def register_data_set(named: NamedSet) -> NamedSet:
    """Add a set to the table, so that it is opened by its name, listed and trained on like the others.

    Raises:
        UserError: a set of that name is in the table already.
    """
    if named.name in NAMED:
        raise UserError(f"there is a data set {named.name!r} already ({NAMED[named.name].title}); choose another name")
    NAMED[named.name] = named
    return named


def _register_cifar(
    name: str,
    *,
    title: str,
    classes: tuple[str, ...],
    folder: str,
    train_files: tuple[str, ...],
    test_file: str,
    names_file: str,
    label_bytes: int,
    archive: str,
    md5: str,
    megabytes: int,
    pickled: tuple[str, ...],
) -> None:
    """Add a set in the binary version of CIFAR, published as one archive."""
    register_data_set(
        NamedSet(
            name=name,
            title=title,
            classes=classes,
            shape=(3, 32, 32),
            counts=(50_000, 10_000),
            flip_allowed=True,
            read=partial(read_cifar, label_bytes=label_bytes),
            layout=folder,
            train_files=train_files,
            test_files=(test_file,),
            names_file=names_file,
            archive=archive,
            pickled=pickled,
            downloads=(Download(archive, md5),),
            megabytes=megabytes,
            addresses=("https://www.cs.toronto.edu/~kriz/",),
        )
    )


def _register_idx(
    name: str,
    *,
    title: str,
    classes: tuple[str, ...],
    folder: str,
    flip_allowed: bool,
    md5: tuple[str, str, str, str],
    megabytes: int,
    addresses: tuple[str, ...],
    debian: str | None = None,
) -> None:
    """Add a set of the MNIST family: the same four file names, 28 × 28 grey pixels."""
    train = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
    test = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    register_data_set(
        NamedSet(
            name=name,
            title=title,
            classes=classes,
            shape=(1, 28, 28),
            counts=(60_000, 10_000),
            flip_allowed=flip_allowed,
            read=read_idx,
            layout=f"{folder}/raw",
            train_files=train,
            test_files=test,
            downloads=tuple(Download(f"{file}.gz", sum_) for file, sum_ in zip(train + test, md5, strict=True)),
            megabytes=megabytes,
            addresses=addresses,
            debian=DebianPackage(f"dataset-{debian}", f"/usr/share/datasets/{debian}") if debian else None,
        )
    )


# fmt: off
_CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)
_CIFAR100_CLASSES = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle",
    "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle",
    "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur",
    "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard",
    "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain",
    "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree",
    "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket",
    "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider",
    "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone", "television", "tiger",
    "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
)
_FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)
# fmt: on

_register_cifar(
    "cifar10",
    title="CIFAR-10: small colour photographs of animals and vehicles",
    classes=_CIFAR10_CLASSES,
    folder="cifar-10-batches-bin",
    train_files=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    test_file="test_batch.bin",
    names_file="batches.meta.txt",
    label_bytes=1,
    archive="cifar-10-binary.tar.gz",
    md5="c32a1d4ab5d03f1284b67883e8d87530",
    megabytes=170,
    pickled=("cifar-10-python.tar.gz", "cifar-10-batches-py", "cifar-10-python"),
)
_register_cifar(
    "cifar100",
    title="CIFAR-100: small colour photographs of a hundred kinds of things",
    classes=_CIFAR100_CLASSES,
    folder="cifar-100-binary",
    train_files=("train.bin",),
    test_file="test.bin",
    names_file="fine_label_names.txt",
    label_bytes=2,
    archive="cifar-100-binary.tar.gz",
    md5="03b5dce01913d631647c71ecec9e9cb8",
    megabytes=169,
    pickled=("cifar-100-python.tar.gz", "cifar-100-python"),
)
_register_idx(
    "mnist",
    title="MNIST: handwritten digits",
    classes=tuple("0123456789"),
    folder="MNIST",
    flip_allowed=False,
    md5=(
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
    megabytes=12,
    addresses=("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
)
_register_idx(
    "fashion-mnist",
    title="Fashion-MNIST: articles of clothing",
    classes=_FASHION_CLASSES,
    folder="FashionMNIST",
    flip_allowed=True,
    md5=(
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
    megabytes=31,
    addresses=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    debian="fashion-mnist",
)
_register_idx(
    "kmnist",
    title="Kuzushiji-MNIST: handwritten Japanese syllables",
    classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    folder="KMNIST",
    flip_allowed=False,
    md5=(
        "bdb82020997e1d708af4cf47b453dcf7",
        "e144d726b3acfaa3e44228e80efcd344",
        "5c965bf0a639b31b8f53240b1b52f4d7",
        "7320c461ea6c1c855c0b718fb2a4b134",
    ),
    megabytes=21,
    addresses=("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
)
