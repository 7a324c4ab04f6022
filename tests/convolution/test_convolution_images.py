"""Filtering images: against Pillow and SciPy, and values worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
from PIL import Image, ImageFilter

from pellucid.convolution import EXAMPLES, KERNELS, filter_file, filter_image, filter_plane, named_kernel
from pellucid.ground.errors import UserError


def photo(*shape, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


@pytest.mark.parametrize("name", [*KERNELS, "1,2,3,4;5,6,7,8", "1/3,1/3,1/3"])
@pytest.mark.parametrize(
    ("mode", "theirs"),
    [("replicate", "nearest"), ("reflect", "mirror"), ("circular", "grid-wrap"), ("zeros", "constant")],
)
@pytest.mark.parametrize("flip", [False, True])
def test_equals_scipy_ndimage(name, mode, theirs, flip):
    image, kernel = photo(12, 17), named_kernel(name)
    function = scipy.ndimage.convolve if flip else scipy.ndimage.correlate
    expected = np.clip(np.rint(function(image.astype(float), kernel.astype(float), mode=theirs)), 0, 255)
    ours = filter_image(image, kernel, flip=flip, padding_mode=mode)
    assert ours.dtype == np.uint8
    assert np.abs(ours.astype(int) - expected).max() <= (0 if kernel.dtype.kind == "i" else 1)


@pytest.mark.parametrize("name", ["sobel-x", "sobel-y", "sharpen", "edges", "emboss"])
def test_equals_pillow_inside(name):
    """Inside, that is: Pillow copies the border unfiltered. It takes the rows of a filter from the bottom up."""
    image, kernel = photo(10, 11), KERNELS[name].values
    pillow = Image.fromarray(image).filter(ImageFilter.Kernel((3, 3), kernel[::-1].ravel().tolist(), scale=1))
    inside = (slice(1, -1), slice(1, -1))
    np.testing.assert_array_equal(filter_image(image, kernel)[inside], np.asarray(pillow)[inside])


def test_worked_by_hand():
    image = np.array([[0, 0, 100, 100]] * 3, np.uint8)
    assert filter_image(image, KERNELS["sobel-x"].values).tolist()[1] == [0, 255, 255, 0]
    assert filter_image(image, KERNELS["prewitt-x"].values // 1).tolist()[1] == [0, 255, 255, 0]
    assert filter_image(image, [[-1, 0, 1]]).tolist()[1] == [0, 100, 100, 0]
    assert filter_image(image, [[1, 0, -1]]).tolist()[1] == [0, 0, 0, 0], "negative sums are clipped to 0"
    assert filter_image(image, [[1, 0, -1]], absolute=True).tolist()[1] == [0, 100, 100, 0]
    assert filter_image(image, [[1, 0, -1]], offset=128).tolist()[1] == [128, 28, 28, 128]
    assert filter_image(image, [[1, 0, -1]], flip=True).tolist()[1] == [0, 100, 100, 0]
    assert filter_image(image, KERNELS["box-blur"].values).tolist()[1] == [0, 33, 67, 100]
    # an image and its identity; a mean keeps a plain area, a derivative makes it 0
    plain = np.full((4, 4), 200, np.uint8)
    for kernel in KERNELS.values():
        total = kernel.values.sum()
        assert filter_image(plain, kernel.values).tolist() == np.full((4, 4), round(200 * total)).tolist()
    assert KERNELS["gaussian-blur"].rows[2] == (6, 24, 36, 24, 6)


def test_sixteen_bits_and_channels():
    deep = photo(5, 5, dtype=np.uint16)
    np.testing.assert_array_equal(filter_image(deep, [[2]]), np.minimum(deep.astype(int) * 2, 65535))
    colour = photo(6, 7, 3)
    ours = filter_image(colour, KERNELS["sharpen"].values)
    for channel in range(3):
        np.testing.assert_array_equal(ours[..., channel], filter_image(colour[..., channel], KERNELS["sharpen"].values))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "CMYK", "I;16"])
def test_files_of_every_kind(tmp_path, mode):
    picture = Image.fromarray(photo(9, 8, dtype=np.uint16)) if mode == "I;16" else Image.fromarray(photo(9, 8, 3))
    picture = picture if mode == "I;16" else picture.convert(mode)
    if mode in ("LA", "RGBA"):
        picture.putalpha(Image.fromarray(photo(9, 8)))
    source = tmp_path / ("in.tif" if mode == "CMYK" else "in.png")
    picture.save(source)
    width, height, kind = filter_file(source, KERNELS["identity"].values, tmp_path / "out.png")
    expected = {"P": "RGB", "1": "L", "CMYK": "RGB"}.get(mode, mode)
    assert (width, height, kind) == (8, 9, expected)
    with Image.open(tmp_path / "out.png") as written:
        same = picture if expected == mode else picture.convert(expected)
        np.testing.assert_array_equal(np.asarray(written), np.asarray(same))


def test_transparency_is_kept(tmp_path):
    picture = Image.fromarray(photo(9, 8, 3))
    alpha = photo(9, 8)
    picture.putalpha(Image.fromarray(alpha))
    picture.save(tmp_path / "in.png")
    filter_file(tmp_path / "in.png", KERNELS["edges"].values, tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as written:
        np.testing.assert_array_equal(np.asarray(written)[..., 3], alpha)


def test_the_camera_orientation_is_followed(tmp_path):
    picture = Image.fromarray(photo(9, 8))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter
    picture.save(tmp_path / "in.png", exif=exif)
    assert filter_file(tmp_path / "in.png", [[1]], tmp_path / "out.png")[:2] == (9, 8)


def test_mistakes_leave_nothing_behind(tmp_path):
    Image.fromarray(photo(4, 4)).save(tmp_path / "in.png")
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "there.png").write_text("kept")
    one = [[1]]
    cases = [
        (tmp_path / "absent.png", one, tmp_path / "out.png", "there is no file .*absent.png; expected an image"),
        (tmp_path / "text.png", one, tmp_path / "out.png", "text.png cannot be read as an image"),
        (tmp_path, one, tmp_path / "out.png", "cannot be read as an image"),
        (tmp_path / "in.png", one, tmp_path / "there.png", "exists already; give another name, or --force"),
        (tmp_path / "in.png", one, tmp_path / "out.xyz", r"no ending of an image format; expected one such as .png"),
        (tmp_path / "in.png", [[1j]], tmp_path / "out.png", "expected real numbers"),
        (tmp_path / "in.png", np.ones((1, 2000)), tmp_path / "out.png", "at most 1023"),
    ]
    for source, kernel, destination, message in cases:
        with pytest.raises(UserError, match=message):
            filter_file(source, kernel, destination)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.png", "text.png", "there.png"]
    assert (tmp_path / "there.png").read_text() == "kept"
    filter_file(tmp_path / "in.png", one, tmp_path / "there.png", force=True)
    with pytest.raises(UserError, match="no filter is named 'sobel'; did you mean 'sobel-"):
        named_kernel("sobel")
    with pytest.raises(UserError, match="the image is float64 of shape"):
        filter_image(np.ones((2, 2)), one)
    with pytest.raises(UserError, match="the offset is nan"):
        filter_image(photo(2, 2), one, offset=float("nan"))
    with pytest.raises(UserError, match="circular padding of 3 was asked for, but the height of the image is 2"):
        filter_image(photo(2, 2), np.ones((7, 7)), padding_mode="circular")


def test_a_plane_keeps_its_sums_and_steps():
    pixels = photo(6, 8)
    kernel = np.array([[1, -2, 3], [0, 4, 0], [-1, 0, 5]])
    plane = filter_plane(pixels, kernel, padding_mode="circular")
    assert np.array_equal(
        plane.result, scipy.ndimage.correlate(pixels.astype(float), kernel.astype(float), mode="wrap")
    )
    assert plane.steps[5, 7].value == plane.result[5, 7]


def test_the_examples_are_grey_images_of_one_size():
    images = [example.pixels for example in EXAMPLES.values()]
    assert {(image.shape, image.dtype.name) for image in images} == {((32, 32), "uint8")}
    assert len({image.tobytes() for image in images}) == len(images)
    assert all(np.ptp(image) > 100 for image in images)
