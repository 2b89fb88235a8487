"""ImageSet: what it refuses, what it selects, and that it comes back from disk whole or not at all."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from metalib.data import ImageSet, store
from metalib.data.images import grey
from metalib.data.splits import SPLITS, by_permutation, check_choice


def make(classes=6, drawings=3, channels=1, size=4) -> ImageSet:
    generator = torch.Generator().manual_seed(0)
    shape = (classes, drawings, channels, size, size)
    images = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    names = tuple(f"class {i}" for i in range(classes))
    return ImageSet(images, names, tuple("AB"[i % 2] for i in range(classes)), "a set")


def test_counts_and_text():
    images = make(classes=6, drawings=3)
    assert (len(images), images.classes, images.drawings) == (6, 6, 3)
    assert repr(images) == "ImageSet('a set': 6 classes in 2 alphabets, 3 drawings, [1, 4, 4])"


def test_numpy_bytes_are_welcome():
    images = ImageSet(np.zeros((2, 3, 1, 4, 4), np.uint8), ("a", "b"), ("x", "x"))
    assert images.images.dtype == torch.uint8


@pytest.mark.parametrize(
    "wrong", [torch.zeros(2, 3, 1, 4, 4), np.zeros((2, 3, 1, 4, 4)), [[1]], torch.zeros(2, 3, 1, 4, 4).bool()]
)
def test_other_types_are_refused(wrong):
    with pytest.raises(TypeError, match="images must be a tensor of bytes .*these are"):
        ImageSet(wrong, ("a", "b"), ("x", "x"))


@pytest.mark.parametrize(
    "shape", [(2, 3, 4, 4), (2, 3, 2, 4, 4), (0, 3, 1, 4, 4), (2, 0, 1, 4, 4), (2, 3, 4, 4, 1)]
)
def test_other_shapes_are_refused_and_named(shape):
    with pytest.raises(ValueError, match="shape") as caught:
        ImageSet(torch.zeros(shape, dtype=torch.uint8), ("a",) * shape[0], ("x",) * shape[0])
    assert str(shape) in str(caught.value)


def test_names_must_match_the_classes():
    images = torch.zeros(2, 3, 1, 4, 4, dtype=torch.uint8)
    with pytest.raises(ValueError, match="names .* 2 classes, but gives 1"):
        ImageSet(images, ("a",), ("x", "x"))
    with pytest.raises(ValueError, match="alphabets .* 2 classes, but gives 3"):
        ImageSet(images, ("a", "b"), ("x",) * 3)


@given(st.lists(st.integers(0, 5), max_size=8, min_size=1))
def test_a_subset_keeps_pictures_and_names_together(indices):
    images = make()
    part = images.subset(indices)
    assert part.names == tuple(images.names[i] for i in indices)
    assert part.alphabets == tuple(images.alphabets[i] for i in indices)
    assert torch.equal(part.images, images.images[indices])


def test_a_mask_selects_too():
    mask = torch.tensor([False, True, False, False, True, False])
    assert make().subset(mask).names == ("class 1", "class 4")


@pytest.mark.parametrize("indices", [[6], [-1], [0, 99], torch.tensor([True, False])])
def test_classes_that_are_not_there(indices):
    with pytest.raises(IndexError, match="6 classes"):
        make().subset(indices)


def test_saved_and_loaded(tmp_path):
    images = make()
    store.save_images(images, tmp_path / "set")
    again = store.load_images(tmp_path / "set", "toy")
    assert torch.equal(again.images, images.images)
    assert (again.names, again.alphabets, again.title) == (images.names, images.alphabets, images.title)
    assert again.source == again.subset([1, 2], "two").source == "toy"


@settings(deadline=None)
@given(where=st.integers(0, 10_000), kind=st.sampled_from(["cut", "flip"]))
def test_a_damaged_file_is_never_used(tmp_path_factory, where, kind):
    path = tmp_path_factory.mktemp("store") / "set"
    store.save_images(make(), path)
    content = bytearray(path.read_bytes())
    where %= len(content)
    if kind == "cut":
        content = content[:where]
    else:
        content[where] ^= 1
    path.write_bytes(content)
    damaged = store.load_images(path, "toy")
    # Only the title, which proves nothing, may be another.
    assert damaged is None or store.digest(damaged) == store.digest(make())


def test_nothing_there(tmp_path):
    assert store.load_images(tmp_path / "nothing", "toy") is None
    assert store.load_images(tmp_path, "toy") is None


@given(st.tuples(*[st.integers(0, 50)] * 3), st.integers(0, 2**31))
def test_a_permutation_deals_every_class_once(sizes, seed):
    parts = [by_permutation(sizes, split, seed).tolist() for split in SPLITS]
    assert [len(part) for part in parts] == list(sizes)
    assert sorted(sum(parts, [])) == list(range(sum(sizes)))


def test_a_wrong_choice_is_named_with_the_right_ones():
    with pytest.raises(ValueError, match="split must be one of 'train', 'test', but it is 'tset'."):
        check_choice("split", "tset", ("train", "test"))


def test_colours_become_their_mean():
    one = torch.tensor([10, 250, 101], dtype=torch.uint8).view(3, 1, 1).expand(2, 3, 4, 5)
    shown = grey(one)
    assert shown.dtype == torch.uint8 and shown.shape == (2, 4, 5) and (shown == 120).all()
    plain = torch.arange(20, dtype=torch.uint8).view(1, 4, 5)
    assert torch.equal(grey(plain), plain[0])
