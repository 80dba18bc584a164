"""Where things are, and how a file is replaced in one step."""

import os
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "crmo_analysis"
DATA = ROOT / "data"
CODEBOOK = DATA / "codebook.yaml"
PUBLISHED = DATA / "published"
FIGURES = ROOT / "figures"
RESULTS = ROOT / "results"
COHORTS = DATA / "cohorts"


def is_of_project(folder):
    """Say whether a folder is one, or in one, in which the project keeps its own data and results.

    Parameters
    ----------
    folder : Path
        It need not be there; links on the way to it are followed.

    Returns
    -------
    bool
    """
    own = (
        FIGURES,
        DATA / "published",
        DATA / "cohorts",
        *(RESULTS / name for name in ("tables", "notebooks", "cohorts")),
    )
    return any(Path(folder).resolve().is_relative_to(place.resolve()) for place in own)


def is_file(text):
    """Say whether a text is the path of a file.

    Parameters
    ----------
    text : object
        Anything; only a text can be one.

    Returns
    -------
    bool
        False as well for what no path can be: too long, or with a NUL.
    """
    try:
        return isinstance(text, str | Path) and bool(str(text)) and Path(text).is_file()
    except (OSError, ValueError):
        return False


def write_bytes_atomically(path, data):
    """Write a file so that a reader sees the old content or the new, never a part.

    A file that already holds exactly these bytes is left alone, with its time of change: a rerun that changes
    nothing touches nothing.

    Parameters
    ----------
    path : Path
        The file to write; missing folders above it are made.
    data : bytes
        Its whole content.

    Returns
    -------
    bool
        True if the file was written, False if it already held these bytes.
    """
    path = Path(path)
    if path.is_file() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    # A neighbour, not the system's temporary folder: a file can only be replaced in one step within a disk.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def write_text_atomically(path, text):
    """Write a text file (UTF-8, line ends as given) as `write_bytes_atomically` does.

    Parameters
    ----------
    path : Path
        The file to write; missing folders above it are made.
    text : str
        Its whole content.

    Returns
    -------
    bool
        True if the file was written, False if it already held this text.
    """
    return write_bytes_atomically(path, text.encode("utf-8"))
