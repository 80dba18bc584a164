"""Results that are kept: what a pure function gave, found again by the hash of its inputs and its code.

A result is a file of JSON. One that is missing, damaged or of other code is made again, so that the folder
can be deleted at any time; several processes may write at once. The environment variable
`CRMO_STORE` names another folder, or is `off`.
"""

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

from crmo_analysis import files
from crmo_analysis.store.code import code_behind

MOST_BYTES = 200_000_000
LIBRARIES = ("numpy", "ortools", "pandas", "scipy", "statsmodels")
SWITCH = "CRMO_STORE"
_BEGAN = time.time()  # this process, or the one that it was forked from, with its imports


def kept(kind: str, inputs: object, source: str, make: Callable[[], object]) -> object:
    """Return what a pure function gives, from the store if it gave it before.

    Parameters
    ----------
    kind : str
        What it is, a folder of the store.
    inputs : object
        All that it depends on besides its code, as plain values that JSON can hold.
    source : str
        Python that imports what makes it; all modules behind it are part of the key.
    make : callable
        Makes the value, of plain values that JSON can hold. An error that it raises is not kept.

    Returns
    -------
    object
        The value as it comes back from JSON, whether it was kept or has just been made.
    """
    folder = _folder()
    if folder is None:
        return json.loads(_text(make()))
    key = key_of(kind, inputs, source)
    path = folder / kind / f"{key}.json"
    found = _read(path, key)
    # Where code was edited since this process began, what it has imported is not what stands there.
    if found is None and any(each.stat().st_mtime > _BEGAN for each in _behind(source, files.PACKAGE)):
        found = _text(make())
    if found is None:
        with _in_turn(path):
            found = _read(path, key)  # another process may have made it meanwhile
            if found is None:
                found = _text(make())
                _write(path, key, found, folder)
    return json.loads(found)


@contextmanager
def _in_turn(path: Path) -> Iterator[None]:
    """Let one process at a time make a result, where files can be locked; the others wait, and find it.

    A lock ends with the process that holds it. Without one, a result may be made twice, which costs time
    alone.
    """
    with ExitStack() as held:
        with suppress(OSError, ImportError):
            import fcntl

            path.parent.mkdir(parents=True, exist_ok=True)
            lock = held.enter_context(path.with_suffix(".lock").open("w"))
            held.callback(path.with_suffix(".lock").unlink, missing_ok=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def key_of(kind: str, inputs: object, source: str, package: Path = files.PACKAGE) -> str:
    """Return the hash of inputs, of the code that a text of Python can reach, and of the libraries."""
    parts = [kind, inputs, _code(source, package), _libraries()]
    return hashlib.sha256(_text(parts).encode()).hexdigest()


def without_store() -> None:
    """Neither read nor keep results from here on, in this process and in those that it starts."""
    os.environ[SWITCH] = "off"


def _folder() -> Path | None:
    named = os.environ.get(SWITCH, "")
    return None if named == "off" else Path(named) if named else files.RESULTS / "store"


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=False, separators=(",", ":"))


@cache
def _libraries() -> list[str]:
    return [platform.python_version(), *(f"{name} {version(name)}" for name in LIBRARIES)]


@cache
def _code(source: str, package: Path) -> str:
    whole = hashlib.sha256()
    for path in _behind(source, package):
        whole.update(path.relative_to(package).as_posix().encode() + b"\0")
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


@cache
def _behind(source: str, package: Path) -> list[Path]:
    return code_behind(source, package)


def _read(path: Path, key: str) -> str | None:
    """Return the text that a file keeps; None if there is none, or not as it was written."""
    try:
        head, _, text = path.read_text(encoding="utf-8").partition("\n")
        if head != _head(key, text):
            return None
        os.utime(path)
    except (OSError, UnicodeDecodeError):
        return None
    return text


def _head(key: str, text: str) -> str:
    return json.dumps({"key": key, "sha256": hashlib.sha256(text.encode()).hexdigest()})


def _write(path: Path, key: str, text: str, folder: Path) -> None:
    """Keep a text; where nothing can be written, as on a full or a read-only disk, it is not kept."""
    try:
        files.write_text_atomically(path, f"{_head(key, text)}\n{text}")
        _shrink(folder)
    except OSError:
        return


def _shrink(folder: Path) -> None:
    """Delete what was used longest ago once the store has grown too large, down to half of that."""
    found = []
    for path in folder.glob("*/*.json"):
        with suppress(OSError):  # deleted by another process
            found.append((path.stat().st_mtime_ns, path.stat().st_size, path))
    total = sum(size for _, size, _ in found)
    is_too_large = total > MOST_BYTES
    for _, size, path in sorted(found):
        if is_too_large and total > MOST_BYTES // 2:
            path.unlink(missing_ok=True)
            total -= size
