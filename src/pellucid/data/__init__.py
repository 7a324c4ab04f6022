"""From any source of pictures to an image set: one memory-mapped uint8 array, labels, class names, origins."""

from pellucid.data.image_set import ImageSet, LeftOut, Split

__all__ = ["ImageSet", "LeftOut", "Split"]
