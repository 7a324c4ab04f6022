"""The image sets known by name: what they hold, how their files are called, where they are published.

Addresses and MD5 sums of the IDX files are those of torchvision's data-set sources; those of the two CIFAR archives
in the binary version are published on the CIFAR page (the Python version is a pickle, which is never loaded here).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["NAMED", "Download", "NamedSet"]


@dataclass(frozen=True)
class Download:
    """One published file."""

    file: str
    md5: str


@dataclass(frozen=True)
class NamedSet:
    """One image set known by name, as its authors publish it."""

    name: str
    title: str
    format: Literal["cifar", "idx"]

    classes: tuple[str, ...]
    """The class names to use where the files bring none of their own."""

    shape: tuple[int, int, int]
    """`(C, H, W)`."""

    counts: tuple[int, int]
    """Images for training and for testing, as published."""

    mirror: bool
    layout: str
    """The folder that holds the files in the official layout, relative to the data folder."""

    train_files: tuple[str, ...]
    test_files: tuple[str, ...]

    names_file: str | None
    """A text file of class names, a line each; read where it is there."""

    label_bytes: int
    """CIFAR: bytes before an image's pixels, of which the last is the label. IDX: labels are files of their own."""

    downloads: tuple[Download, ...]
    megabytes: int
    """Of all downloads together."""

    addresses: tuple[str, ...]
    """Folders on the web that each hold all downloads, in the order to try them."""

    debian_package: str | None = None
    debian_folder: str | None = None
    """Where the installed package keeps the files."""

    @property
    def archive(self) -> str | None:
        """The name of the one archive that holds all files, where they are published as one."""
        return self.downloads[0].file if self.format == "cifar" else None


def _idx_set(
    name: str,
    title: str,
    classes: tuple[str, ...],
    folder: str,
    mirror: bool,
    md5: tuple[str, str, str, str],
    megabytes: int,
    addresses: tuple[str, ...],
    debian: str | None = None,
) -> NamedSet:
    train = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
    test = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    return NamedSet(
        name=name,
        title=title,
        format="idx",
        classes=classes,
        shape=(1, 28, 28),
        counts=(60_000, 10_000),
        mirror=mirror,
        layout=f"{folder}/raw",
        train_files=train,
        test_files=test,
        names_file=None,
        label_bytes=0,
        downloads=tuple(Download(f"{file}.gz", sum_) for file, sum_ in zip(train + test, md5, strict=True)),
        megabytes=megabytes,
        addresses=addresses,
        debian_package=f"dataset-{debian}" if debian else None,
        debian_folder=f"/usr/share/datasets/{debian}" if debian else None,
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
# fmt: on

_CIFAR_PAGE = "https://www.cs.toronto.edu/~kriz/"

NAMED: dict[str, NamedSet] = {
    named.name: named
    for named in (
        NamedSet(
            name="cifar10",
            title="CIFAR-10: small colour photographs of animals and vehicles",
            format="cifar",
            classes=_CIFAR10_CLASSES,
            shape=(3, 32, 32),
            counts=(50_000, 10_000),
            mirror=True,
            layout="cifar-10-batches-bin",
            train_files=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
            test_files=("test_batch.bin",),
            names_file="batches.meta.txt",
            label_bytes=1,
            downloads=(Download("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"),),
            megabytes=170,
            addresses=(_CIFAR_PAGE,),
        ),
        NamedSet(
            name="cifar100",
            title="CIFAR-100: small colour photographs of a hundred kinds of things",
            format="cifar",
            classes=_CIFAR100_CLASSES,
            shape=(3, 32, 32),
            counts=(50_000, 10_000),
            mirror=True,
            layout="cifar-100-binary",
            train_files=("train.bin",),
            test_files=("test.bin",),
            names_file="fine_label_names.txt",
            label_bytes=2,
            downloads=(Download("cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8"),),
            megabytes=169,
            addresses=(_CIFAR_PAGE,),
        ),
        _idx_set(
            "mnist",
            "MNIST: handwritten digits",
            tuple("0123456789"),
            folder="MNIST",
            mirror=False,
            md5=(
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "d53e105ee54ea40749a09fcbcd1e9432",
                "9fb629c4189551a2d022fa330f9573f3",
                "ec29112dd5afa0611ce80d1b7f02629c",
            ),
            megabytes=12,
            addresses=("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
        ),
        _idx_set(
            "fashion-mnist",
            "Fashion-MNIST: articles of clothing",
            (
                "T-shirt/top",
                "Trouser",
                "Pullover",
                "Dress",
                "Coat",
                "Sandal",
                "Shirt",
                "Sneaker",
                "Bag",
                "Ankle boot",
            ),
            folder="FashionMNIST",
            mirror=True,
            md5=(
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "25c81989df183df01b3e8a0aad5dffbe",
                "bef4ecab320f06d8554ea6380940ec79",
                "bb300cfdad3c16e7a12a480ee83cd310",
            ),
            megabytes=31,
            addresses=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
            debian="fashion-mnist",
        ),
        _idx_set(
            "kmnist",
            "Kuzushiji-MNIST: handwritten Japanese syllables",
            ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
            folder="KMNIST",
            mirror=False,
            md5=(
                "bdb82020997e1d708af4cf47b453dcf7",
                "e144d726b3acfaa3e44228e80efcd344",
                "5c965bf0a639b31b8f53240b1b52f4d7",
                "7320c461ea6c1c855c0b718fb2a4b134",
            ),
            megabytes=21,
            addresses=("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
        ),
    )
}
"""Every named set, in the order in which they are listed."""
