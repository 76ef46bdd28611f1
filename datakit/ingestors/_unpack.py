"""Packed sources: the members of a ZIP or tar archive, the one file in a gzip, bzip2 or xz file.

What is inside is as hostile as what is outside: a member's name never becomes a path on the disk,
links and names that climb out of the archive are refused, and no archive unpacks to more than a
multiple of its own size.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

MAX_RATIO = 200  # unpacked to packed: text reaches 20, logs 100, DEFLATE at most 1,032
FREE_BYTES = 64 << 20  # that any archive may unpack to, whatever its ratio
MAX_BYTES = 16 << 30  # unpacked, of one archive
MAX_MEMBERS = 200_000
MAX_NESTED = 3  # archives inside archives
XZ_MEMORY = 256 << 20  # bytes that an xz dictionary may take: `xz -9` needs 65 MiB
CUT_OFF = (OSError, EOFError, zlib.error, lzma.LZMAError)
BROKEN = (*CUT_OFF, ValueError, NotImplementedError, RuntimeError, zipfile.BadZipFile,
          tarfile.TarError)  # fmt: skip
_XZ = b"\xfd7zXZ"
_SINGLE: dict[bytes, tuple[str, Any]] = {
    b"BZh": (".bz2", bz2.open), b"\x1f\x8b": (".gz", gzip.open), _XZ: (".xz", lzma.open),
}  # fmt: skip
_CHUNK = 1 << 20


class Refused(Exception):
    """A member, or the rest of an archive, that is not unpacked: reason and detail."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


@dataclass
class Budget:
    """How many more bytes may come out of one archive, nested ones included."""

    left: int

    @classmethod
    def of(cls, path: Path) -> Budget:
        return cls(min(MAX_BYTES, FREE_BYTES + MAX_RATIO * path.stat().st_size))

    def spend(self, n_bytes: int) -> None:
        """Count bytes as unpacked.

        Raises:
            Refused: they are more than the archive may hold.
        """
        self.left -= n_bytes
        if self.left < 0:
            raise Refused(
                "bomb", f"unpacks to more than {MAX_RATIO} times its size (and {FREE_BYTES >> 20} "
                "MiB), expected text. Unpack it by hand if it can be trusted.",
            )  # fmt: skip


@dataclass(frozen=True)
class Member:
    """A file out of an archive: its name there, and where it lies now or why it does not."""

    name: str
    path: Path | None
    refused: Refused | None = None


def kind_of(name: str, head: bytes) -> str:
    """`zip`, `tar`, `single` (one compressed file), or empty for what is no archive of ours.

    Office files, EPUB and JAR are ZIP archives too, but documents or programs and not folders.
    """
    lower = name.lower()
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip" if lower.endswith(".zip") else ""
    if head[257:262] == b"ustar":
        return "tar" if lower.endswith(".tar") else ""
    for magic, (suffix, _) in _SINGLE.items():
        if head.startswith(magic):
            return "single" if lower.endswith((suffix, ".tgz")) else ""
    return ""


@contextlib.contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file's bytes, unpacked where it begins as gzip, bzip2 or xz.

    Raises:
        lzma.LZMAError: an xz file that wants more than `XZ_MEMORY`.
    """
    with path.open("rb") as file:
        start = file.read(4096)
        file.seek(0)
        unpack = next((open_ for magic, (_, open_) in _SINGLE.items() if start.startswith(magic)),
                      None)  # fmt: skip
        if unpack is None:
            yield file
            return
        if start.startswith(_XZ):
            lzma.LZMADecompressor(memlimit=XZ_MEMORY).decompress(start, 1)
        with unpack(file) as unpacked:
            yield unpacked


def members(path: Path, kind: str, name: str, scratch: Path, budget: Budget) -> Iterator[Member]:
    """The files of an archive, one after the other; each is gone when the next one comes.

    Args:
        path: the archive.
        kind: as `kind_of` gives it.
        name: of the archive, from which a single file's name is taken.
        scratch: an empty folder to unpack into.
        budget: what may come out.

    Raises:
        Refused: the rest cannot be unpacked: damaged, a bomb, too many members.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        if kind == "single":
            inner = re.sub(r"\.tgz$", ".tar.gz", name, flags=re.I).rpartition(".")[0]
            out = scratch / _plain_name(inner)
            with opened(path) as file:
                _copy(file, out, budget)
            yield Member(inner, out)
            out.unlink()
        elif kind == "tar":
            with tarfile.open(path, "r:") as tar:
                yield from _tar_members(tar, scratch, budget)
        else:
            with zipfile.ZipFile(path) as archive:
                yield from _zip_members(archive, scratch, budget)
    except BROKEN as error:
        raise Refused(
            "unreadable", f"{type(error).__name__}: {error}. Was the download cut off?"
        ) from None


def _zip_members(archive: zipfile.ZipFile, scratch: Path, budget: Budget) -> Iterator[Member]:
    entries = archive.infolist()
    if len(entries) > MAX_MEMBERS:
        raise Refused(
            "too_large", f"{len(entries):,} members, at most {MAX_MEMBERS:,} are read. Split it."
        )
    for entry in sorted(entries, key=_entry_name):
        name = _entry_name(entry)
        if entry.is_dir() or _is_hidden(name):
            continue
        refused = _unsafe(entry, name)
        if refused:
            yield Member(name, None, refused)
            continue
        out = scratch / _plain_name(name)
        try:
            with archive.open(entry) as file:
                _copy(file, out, budget)
        except BROKEN as error:
            detail = f"{type(error).__name__}: {error}. Was the archive cut off?"
            yield Member(name, None, Refused("unreadable", detail))
        else:
            yield Member(name, out)
        out.unlink(missing_ok=True)


def _tar_members(tar: tarfile.TarFile, scratch: Path, budget: Budget) -> Iterator[Member]:
    for number, entry in enumerate(tar):
        if number >= MAX_MEMBERS:
            raise Refused("too_large", f"more than {MAX_MEMBERS:,} members. Split it.")
        name = re.sub(r"^(?:\./)+", "", entry.name)
        if entry.isdir() or _is_hidden(name):
            continue
        refused = _leads_out(name)
        if not entry.isreg():
            refused = Refused("unsafe_path", f"{name[:200]!r} is a link or a device, no file")
        file = None if refused else tar.extractfile(entry)
        if file is None:
            yield Member(name, None, refused or Refused("unreadable", f"{name[:200]!r} is no file"))
            continue
        out = scratch / _plain_name(name)
        with file:
            _copy(file, out, budget)
        yield Member(name, out)
        out.unlink(missing_ok=True)


def _is_hidden(name: str) -> bool:
    """Whether a member is one that would be no source in a folder either."""
    parts = re.split(r"[/\\]", name)
    return any(part.startswith((".", "__MACOSX")) and part != ".." for part in parts)


def _entry_name(entry: zipfile.ZipInfo) -> str:
    """A member's name; without the flag for UTF-8 it is UTF-8 or, from Chinese systems, GB18030."""
    name = entry.filename
    if not entry.flag_bits & 0x800 and not name.isascii():
        for encoding in ("utf-8", "gb18030"):
            try:
                return name.encode("cp437").decode(encoding)
            except UnicodeError:
                continue
    return name


def _unsafe(entry: zipfile.ZipInfo, name: str) -> Refused | None:
    """Why a member of a ZIP archive is not unpacked."""
    refused = _leads_out(name)
    if refused:
        return refused
    if stat.S_ISLNK(entry.external_attr >> 16):
        return Refused("unsafe_path", f"{name[:200]!r} is a link, expected a file")
    if entry.flag_bits & 1:
        return Refused("encrypted", f"{name[:200]!r} asks for a password. Unpack it by hand.")
    return None


def _leads_out(name: str) -> Refused | None:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if name.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:", name):
        return Refused("unsafe_path", f"the name {name[:200]!r} leads out of the archive")
    return None


def _plain_name(name: str) -> str:
    """The last part of a name, without what a file system might take for something else."""
    last = re.split(r"[/\\]", name)[-1]
    stem, dot, suffix = re.sub(r'[\x00-\x1f:*?"<>|]', "_", last).rpartition(".")
    return f"{stem[:60]}{dot}{suffix[-20:]}".lstrip(".") or "member"


def _copy(file: Any, out: Path, budget: Budget) -> None:
    with out.open("wb") as target:
        while chunk := file.read(_CHUNK):
            budget.spend(len(chunk))
            target.write(chunk)
