"""Finished image sets on disk, each in one safetensors file that proves its own content."""

import hashlib
import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from metalib.data.images import ImageSet
from metalib.paths import write_atomically


def digest(images: ImageSet) -> str:
    """SHA-256 over the pictures' shape and bytes and over all names."""
    sha = hashlib.sha256(json.dumps([list(images.images.shape), images.names, images.alphabets]).encode())
    sha.update(images.images.contiguous().numpy().data)
    return sha.hexdigest()


def save_images(images: ImageSet, path: Path) -> None:
    """Write the set whole or not at all (see `write_atomically`, also for the errors)."""
    metadata = {
        "names": json.dumps(images.names),
        "alphabets": json.dumps(images.alphabets),
        "title": images.title,
        "sha256": digest(images),
    }
    write_atomically(path, save({"images": images.images.contiguous()}, metadata))


def load_images(path: Path, source: str) -> ImageSet | None:
    """The set saved at `path`; None where there is none, or where the file was cut short or altered.

    The caller says what `source` it is of: files written before sets had one stay good.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            images = ImageSet(
                file.get_tensor("images"),
                tuple(json.loads(metadata["names"])),
                tuple(json.loads(metadata["alphabets"])),
                metadata["title"],
                source,
            )
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None
    return images if digest(images) == metadata.get("sha256") else None
