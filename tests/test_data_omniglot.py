"""Omniglot: read from zips and folders, refused when damaged, never half in the cache; then the real one."""

import hashlib
import io
import sys
import time
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from metalib.data import omniglot, store
from metalib.data.download import DownloadError
from metalib.data.omniglot import Archive, ArchiveError, read_drawing, read_part
from metalib.data.splits import SPLITS
from metalib.paths import CacheError

# In the package the function has taken its module's name.
module = sys.modules["metalib.data.omniglot"]


def png(seed: int) -> bytes:
    """A drawing as Omniglot has them: 105 x 105, one bit, black on white."""
    pixels = np.random.RandomState(seed).random_sample((7, 7)) > 0.2
    picture = Image.fromarray(np.kron(pixels, np.ones((15, 15), bool)))
    file = io.BytesIO()
    picture.convert("1").save(file, "png")
    return file.getvalue()


def make_part(name: str, alphabets: tuple[str, ...], seed: int) -> tuple[Archive, dict[str, bytes]]:
    """A small archive of the same layout: two characters of 20 drawings an alphabet."""
    drawings = {
        f"{name}/{alphabet}/character{c:02}/{seed + c:04}_{d:02}.png": png(seed + 1000 * i + 50 * c + d)
        for i, alphabet in enumerate(alphabets)
        for c in (1, 2)
        for d in range(1, 21)
    }
    drawings = dict(sorted(drawings.items()))
    listing = "".join(f"{hashlib.sha256(drawings[path]).hexdigest()}  {path}\n" for path in drawings)
    digest = hashlib.sha256(listing.encode()).hexdigest()
    return Archive(name, "http://127.0.0.1:9/" + name + ".zip", 1, len(drawings), digest), drawings


MADE = [
    make_part("images_background", ("Greek", "Malay_(Jawi_-_Arabic)", "N_Ko"), 100),
    make_part("images_evaluation", ("Angelic", "ULOG"), 500),
]


def pack(path, drawings, method=zipfile.ZIP_STORED, extra=()):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in [*drawings.items(), *extra]:
            archive.writestr(name, content)


def unpack(folder, drawings):
    for name, content in drawings.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@pytest.fixture
def mini(monkeypatch, tmp_path):
    """A tiny Omniglot for the real one; an empty cache; METALIB_DATA names an empty folder."""
    monkeypatch.setattr(module, "PARTS", tuple(part for part, _drawings in MADE))
    monkeypatch.setenv("METALIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("METALIB_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path


@pytest.fixture
def zips(mini):
    for part, drawings in MADE:
        pack(mini / "data" / f"{part.name}.zip", drawings)
    return mini / "data"


def cached(mini):
    return [f.relative_to(mini).as_posix() for f in (mini / "cache").rglob("*") if f.is_file()]


def test_names_alphabets_and_order(zips):
    images = omniglot("all")
    assert images.source == "omniglot"
    assert tuple(images.images.shape) == (10, 20, 1, 28, 28)
    assert images.names[:4] == (
        *("Greek/character01", "Greek/character02"),
        *("Malay_(Jawi_-_Arabic)/character01", "Malay_(Jawi_-_Arabic)/character02"),
    )
    assert images.alphabets[6:] == ("Angelic", "Angelic", "ULOG", "ULOG")
    path = "images_background/Malay_(Jawi_-_Arabic)/character02/0102_07.png"
    assert (images.images[3, 6, 0].numpy() == read_drawing(MADE[0][1][path])).all()


def test_packed_again_or_unpacked_is_the_same(zips, mini, monkeypatch):
    expected = store.digest(omniglot("all"))
    for part, drawings in MADE:
        # As the official archives are: compressed, with folders, in another order, with what a Mac adds.
        extra = [(f"{part.name}/", b""), ("__MACOSX/._x", b"rubbish"), (f"{part.name}/.DS_Store", b"")]
        shuffled = dict(sorted(drawings.items(), reverse=True))
        pack(zips / f"{part.name}.zip", shuffled, zipfile.ZIP_DEFLATED, extra)
    monkeypatch.setenv("METALIB_CACHE", str(mini / "second"))
    assert store.digest(omniglot("all")) == expected
    for part, drawings in MADE:
        (zips / f"{part.name}.zip").unlink()
        unpack(zips, drawings)
        (zips / part.name / ".DS_Store").write_bytes(b"")
    monkeypatch.setenv("METALIB_CACHE", str(mini / "third"))
    assert store.digest(omniglot("all")) == expected
    # Where torchvision unpacks it.
    (zips / "omniglot-py").mkdir()
    for part, _drawings in MADE:
        (zips / part.name).rename(zips / "omniglot-py" / part.name)
    monkeypatch.setenv("METALIB_CACHE", str(mini / "fourth"))
    assert store.digest(omniglot("all")) == expected


def test_ink_is_bright_and_the_filter_is_lanczos():
    pixels = np.ones((105, 105), bool)
    pixels[30:60, 45:60] = False
    file = io.BytesIO()
    Image.fromarray(pixels).convert("1").save(file, "png")
    picture = read_drawing(file.getvalue())
    assert picture.shape == (28, 28) and picture.dtype == np.uint8
    assert picture[12, 14] == 255 and picture[0, 0] == 0
    grey = Image.fromarray(np.where(pixels, 255, 0).astype(np.uint8))
    assert (picture == 255 - np.asarray(grey.resize((28, 28), Image.Resampling.LANCZOS))).all()


def test_the_second_load_reads_the_cache_alone(zips, mini):
    first = omniglot("all")
    assert cached(mini) == ["cache/omniglot-1.safetensors"]
    for file in zips.iterdir():
        file.unlink()
    assert store.digest(omniglot("all")) == store.digest(first)


@settings(max_examples=40, deadline=None)
@given(where=st.integers(0, 10**6), kind=st.sampled_from(["cut", "flip"]))
def test_an_archive_cut_short_or_altered(tmp_path_factory, where, kind):
    """Wherever it is damaged: refused in one sentence, or (a byte that no drawing needs) still whole."""
    part, drawings = MADE[1]
    path = tmp_path_factory.mktemp("zip") / "images_evaluation.zip"
    pack(path, drawings)
    content = bytearray(path.read_bytes())
    where %= len(content)
    if kind == "cut":
        content = content[:where]
    else:
        content[where] ^= 0x55
    path.write_bytes(content)
    try:
        assert read_part(part, path) == drawings
    except ArchiveError as error:
        assert str(error).startswith(f"{path} was cut short or altered (")
        assert str(error).endswith("so nothing of it is used: fetch it again.")
        assert "\n" not in str(error)
    else:
        assert kind == "flip"


def spoil(drawings, change):
    drawings = dict(drawings)
    path = list(drawings)[5]
    if change == "another drawing":
        drawings[path] = png(1)
    elif change == "one missing":
        del drawings[path]
    elif change == "one more":
        drawings[path.replace("character01", "character03")] = png(1)
    elif change == "two exchanged":
        other = list(drawings)[6]
        drawings[path], drawings[other] = drawings[other], drawings[path]
    elif change == "far too large":
        drawings[path] = b"\0" * (1 << 20)
    elif change == "not even a zip":
        return None
    return drawings


CHANGES = ["another drawing", "one missing", "one more", "two exchanged", "far too large", "not even a zip"]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("form", ["zip", "folder"])
def test_altered_content_is_refused_and_never_cached(zips, mini, change, form):
    part, drawings = MADE[0]
    drawings = spoil(drawings, change)
    path = zips / f"{part.name}.zip"
    if drawings is None:
        if form == "folder":
            pytest.skip("a folder is no zip anyway")
        path.write_bytes(b"<html>Not found</html>")
    elif form == "zip":
        pack(path, drawings, zipfile.ZIP_DEFLATED)
    else:
        path.unlink()
        unpack(zips, drawings)
    with pytest.raises(ArchiveError, match="images_background.* was cut short or altered"):
        omniglot("all")
    assert cached(mini) == []


def test_names_that_lead_out_of_the_archive_are_never_followed(zips, mini):
    part, drawings = MADE[0]
    names = ("../evil.png", "/evil.png", "..\\evil.png", f"{part.name}/../../evil.png")
    pack(zips / f"{part.name}.zip", drawings, extra=[(name, b"x") for name in names])
    assert omniglot("all").classes == 10
    assert not list(mini.rglob("*evil*"))
    # One that looks like a drawing is one too many.
    pack(zips / f"{part.name}.zip", drawings, extra=[(f"{part.name}/../character01/0101_01.png", png(1))])
    with pytest.raises(ArchiveError, match="121 drawings instead of 120"):
        read_part(part, zips / f"{part.name}.zip")


def test_not_here_says_what_to_do(mini, monkeypatch):
    with pytest.raises(FileNotFoundError, match="METALIB_DATA is .*images_background.zip.*download=True"):
        omniglot()
    monkeypatch.delenv("METALIB_DATA")
    with pytest.raises(FileNotFoundError, match="not on this computer yet.*download=True.*METALIB_DATA"):
        omniglot()
    assert cached(mini) == []


def test_download_fetches_checks_and_caches(mini, monkeypatch):
    asked = []

    def fetch(url, path, size):
        asked.append(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        pack(path, next(drawings for part, drawings in MADE if part.url == url))
        return path

    monkeypatch.setattr(module, "fetch", fetch)
    first = omniglot("all", download=True)
    assert asked == [part.url for part, _drawings in MADE]
    assert store.digest(omniglot("all", download=True)) == store.digest(first)
    assert len(asked) == 2


def test_a_bad_download_is_deleted_so_that_the_next_one_can_be_good(mini, monkeypatch):
    def fetch(url, path, size):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"<html>Please log in to this network</html>")
        return path

    monkeypatch.setattr(module, "fetch", fetch)
    with pytest.raises(ArchiveError):
        omniglot(download=True)
    assert "cache/downloads/images_background.zip" not in cached(mini)
    assert not any("omniglot" in name for name in cached(mini))


def test_offline_says_so(mini, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(DownloadError, match="online"):
        omniglot(download=True)


def test_an_interrupt_while_building_leaves_nothing(zips, mini, monkeypatch):
    count = iter(range(200))

    def interrupted(content):
        if next(count) == 150:
            raise KeyboardInterrupt
        return read_drawing(content)

    monkeypatch.setattr(module, "read_drawing", interrupted)
    with pytest.raises(KeyboardInterrupt):
        omniglot("all")
    assert cached(mini) == []


def test_a_cache_that_cannot_be_written(zips, mini):
    (mini / "cache").write_bytes(b"a file in the place of the folder")
    with pytest.raises(CacheError, match="METALIB_CACHE"):
        omniglot("all")


def test_wrong_choices(mini):
    with pytest.raises(ValueError, match="split must be one of 'train', 'validation', 'test', 'all'"):
        omniglot("background")
    with pytest.raises(ValueError, match="by must be one of 'character', 'alphabet'"):
        omniglot("train", by="script")


@pytest.fixture(scope="module")
def real():
    return omniglot("all")


@pytest.mark.omniglot
def test_the_real_omniglot_is_complete(real):
    assert tuple(real.images.shape) == (1623, 20, 1, 28, 28)
    assert len(set(real.alphabets)) == 50 and len(set(real.names)) == 1623
    assert real.names[0] == "Alphabet_of_the_Magi/character01" and real.names[-1] == "ULOG/character26"
    assert sum(alphabet == "Braille" for alphabet in real.alphabets) == 26
    ink = real.images.reshape(1623 * 20, -1)
    assert ink.amax(1).min() >= 100, "every drawing has ink"
    assert 0.02 < (ink > 127).float().mean() < 0.2, "and most of it is paper"


@pytest.mark.omniglot
@pytest.mark.parametrize("by", ["character", "alphabet"])
def test_the_real_splits_are_disjoint_and_complete(real, by):
    parts = [omniglot(split, by) for split in SPLITS]
    names = [set(part.names) for part in parts]
    assert len(set.union(*names)) == sum(map(len, names)) == 1623
    assert [len(part) for part in parts] == {"character": [1100, 100, 423], "alphabet": [806, 158, 659]}[by]


@pytest.mark.omniglot
def test_by_alphabet_no_alphabet_is_on_two_sides(real):
    train, validation, test = (set(omniglot(split, "alphabet").alphabets) for split in SPLITS)
    assert (len(train), len(validation), len(test)) == (25, 5, 20)
    assert len(train | validation | test) == 50
    assert test == set(real.alphabets[964:])
    train, _validation, test = (set(omniglot(split, "character").alphabets) for split in SPLITS)
    assert len(train & test) == 50, "by character, every alphabet is on both sides"


@pytest.mark.omniglot
def test_the_real_second_load_is_quick(real):
    start = time.perf_counter()
    omniglot("test")
    # It takes 0.04 s; the bound only catches a load that opens the 32460 drawings again.
    assert time.perf_counter() - start < 2
