"""From any source of pictures to an image set: one memory-mapped uint8 array, labels, class names, origins."""

from pellucid.data.decode import FITS, read_image
from pellucid.data.describe import describe_images
from pellucid.data.file_of import file_of
from pellucid.data.find import is_here
from pellucid.data.image_set import ImageSet, LeftOut, Split
from pellucid.data.missing import lost_lines, missing_lines
from pellucid.data.named import NAMED, NamedSet, register_data_set
from pellucid.data.named_set import Block, DebianPackage, Download
from pellucid.data.opening import DEFAULT_SIZE, open_image_set, open_requested
from pellucid.data.passed_over import PassedOver
from pellucid.data.request import DataRequest
from pellucid.data.split import stratified_split

__all__ = [
    "DEFAULT_SIZE",
    "FITS",
    "NAMED",
    "Block",
    "DataRequest",
    "DebianPackage",
    "Download",
    "ImageSet",
    "LeftOut",
    "NamedSet",
    "PassedOver",
    "Split",
    "describe_images",
    "file_of",
    "is_here",
    "lost_lines",
    "missing_lines",
    "open_image_set",
    "open_requested",
    "read_image",
    "register_data_set",
    "stratified_split",
]
