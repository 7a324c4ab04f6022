"""From any source of pictures to an image set: one memory-mapped uint8 array, labels, class names, origins."""

from pellucid.data.image_set import ImageSet, LeftOut, Split
from pellucid.data.opening import open_image_set

__all__ = ["ImageSet", "LeftOut", "Split", "open_image_set"]
