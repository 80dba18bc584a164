"""Every path of the project, and reading and writing files safely: YAML, CSV, a file replaced in one step."""

import difflib
import functools
import hashlib
import io
import os
import re
import threading
from pathlib import Path

import yaml

PACKAGE = Path(__file__).resolve().parent
_SHIPPED = PACKAGE / "_project"
IS_INSTALLED = _SHIPPED.is_dir()  # apart from its project: with a copy of data and notebooks inside
ROOT = _SHIPPED if IS_INSTALLED else PACKAGE.parent
# Where what is made is left; kernels, which run elsewhere, are told by the variable.
_MADE = Path(os.environ.setdefault("CRMO_FOLDER", str(Path.cwd()))) if IS_INSTALLED else ROOT
DATA = ROOT / "data"
CODEBOOK = DATA / "codebook.yaml"
PUBLISHED = DATA / "published"
FIGURES = _MADE / "figures"
RESULTS = _MADE / "results"
COHORTS = DATA / "cohorts"
PUBLISHED_RUN = "CRMO_PUBLISHED_RUN"  # variable of a kernel that writes among the project's own files

OWN_FOLDER = "your_cohort"  # of what a run leaves on patients of one's own, in place of a study's name
MOST_YAML = 1_000_000  # bytes
_DEEPEST = 50  # parts within parts of a YAML file
_FORMULA = re.compile(r"\s*[=+\-@\t\r]")
_NUMBER = re.compile(r"\s*[+-]?\d[\d.,]*(e[+-]?\d+)?\s*%?(\s*\([-+\d., to–%]*\))?", re.IGNORECASE)


class CrmoError(Exception):
    """Something that the person at the keyboard has to know.

    The message stands alone, here, in a notebook and in a shell.
    """

    def _render_traceback_(self):
        """Show the message alone in a notebook: the way through the program says nothing of the data."""
        return [str(self)]


class InputError(CrmoError, ValueError):
    """A file, a parameter or a word is not as it should be.

    The message lists every problem, where, and what to do.

    Parameters
    ----------
    *problems
        Texts, or what can be written as one; a line each.
    """

    def __str__(self):
        return "\n".join(map(str, self.problems))

    @property
    def problems(self):
        """The problems one by one."""
        return self.args


class NotEstimableError(CrmoError, ValueError):
    """The data do not determine the estimate; the message says why."""


class NoTableError(CrmoError, RuntimeError):
    """No table of patients could be written out that keeps what it has to keep."""


class UnfinishedError(CrmoError, RuntimeError):
    """The effort allowed was spent before an answer was proved."""


class TooLargeError(CrmoError, ValueError):
    """Too many variables are mentioned together to list the combinations of their values."""


class UnfitError(CrmoError, ValueError):
    """A figure cannot be drawn on its page so that it can be read; the message says what does not fit."""


def meant(word, known):
    """Ask, as the end of a message, whether the nearest of some known words is meant, if one is near.

    If none is, those of which the word is a part are near: of "age", `age_onset`.
    """
    alike = {str(each).casefold(): each for each in known}
    word = str(word).casefold()
    parts = [each for each in alike if word in each.split("_")][:3]
    near = difflib.get_close_matches(word, alike, 1, 0.8) or parts
    near = near or difflib.get_close_matches(word, alike, 1, 0.65)
    *others, last = [f"'{alike[each]}'" for each in near] or [""]
    return f"; is {', '.join(others)}{' or ' * bool(others)}{last} meant?" if near else ""


def with_known_options(function):
    """Return a door that names its options, and the nearest, where one is asked for that it has not."""
    import inspect  # here: commands that call no such function start without it

    known = inspect.signature(function).parameters
    if any(option.kind == option.VAR_KEYWORD for option in known.values()):
        return function

    @functools.wraps(function)
    def asked(*given, **options):
        for name in options.keys() - known:
            said = f"{function.__name__} has no option {name!r}; it has {', '.join(known)}"
            raise InputError(f"{said}{meant(name, known)}")
        return function(*given, **options)

    asked.__module__ = __package__  # where another process finds it
    return asked


def study_names(published=PUBLISHED):
    """List the studies in a folder of published numbers: the folders with a `study.yaml`, by name."""
    return sorted(path.parent.name for path in Path(published).glob("*/study.yaml"))


def no_study(study, known):
    """Make the error of a study that is neither known nor the path of a folder."""
    listed = f"The studies are: {', '.join(known) or 'none'}."
    return InputError(f"there is no study {str(study)!r}{meant(study, known) or '.'} {listed}")


def is_study_folder(study):
    """Say whether a text is the path of a study's folder."""
    return is_file(f"{study}/study.yaml")


def study_folder(study, published=PUBLISHED):
    """Return the folder of a study: one of its name among the published ones, or one anywhere by its path.

    Raises
    ------
    InputError
        If there is none, or it lacks its `study.yaml`.
    """
    published, known = Path(published), study_names(published)
    if not isinstance(study, str | Path):
        raise no_study(study, known)
    if study in known:
        return published / study
    place = next((p for p in (Path(study), published / study) if study and p.is_dir()), None)
    if place is None:
        raise no_study(study, known)
    if not (place / "study.yaml").is_file():
        raise InputError(f"{place}: study.yaml is missing; `crmo new study NAME` makes one to fill in")
    return place.resolve()


def is_of_project(path):
    """Say whether a path is of, or in, what the project keeps: its data, code, figures and results.

    It need not be there; links on the way to it are followed. `data/private` is the person's.
    """
    own = (FIGURES, PUBLISHED, COHORTS, PACKAGE)
    own += tuple(RESULTS / name for name in ("tables", "notebooks", "cohorts"))
    place = Path(path).resolve()
    is_file_of_data = place.parent == DATA.resolve() and place.suffix
    return bool(is_file_of_data) or any(place.is_relative_to(each.resolve()) for each in own)


def is_file(text):
    """Say whether something is the path of a file; also of what no path can be, too long or with a NUL."""
    try:
        return isinstance(text, str | Path) and bool(str(text)) and Path(text).is_file()
    except (OSError, ValueError):
        return False


def absolute_file(value):
    """Return the full path of a file that a value names; other values as they are.

    A notebook runs in its own folder, or on another machine; a path was typed in the folder of the person.
    """
    if isinstance(value, list):
        return [absolute_file(each) for each in value]
    return str(Path(value).absolute()) if isinstance(value, str) and is_file(value) else value


def short(path):
    """Write a path without the folders above the one we are in: easier to read, and to share."""
    path, here = Path(path).absolute(), Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def short_name(name, most=200):
    """Return a name that a file can have with an ending added: a long one is cut, and told apart by a hash.

    It has `most` bytes; a file's name has 255 at most.
    """
    if len(name.encode()) <= most:
        return name
    kept = name.encode()[: most - 13].decode(errors="ignore")
    return f"{kept}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


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
    temporary = path.with_name(f".{short_name(path.name)}.{os.getpid()}-{threading.get_ident()}")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def write_text_atomically(path, text):
    """Write a text file (UTF-8, line ends as given) as `write_bytes_atomically` does."""
    return write_bytes_atomically(path, text.encode("utf-8"))


def keep_to_one_cohort(folder, cohort, replaced=()):
    """Note whose results a folder holds, by the hash of a file of patients; refuse those of another file.

    Two of them in one folder, which differ by a few patients, tell of these. A folder that holds nothing but
    files that are `replaced` may have been of another.
    """
    mark, now = Path(folder) / ".cohort", hashlib.sha256(Path(cohort).read_bytes()).hexdigest()
    if (
        mark.is_file()
        and mark.read_text(encoding="utf-8").strip() != now
        and {path.name for path in mark.parent.iterdir()} - {mark.name, *replaced}
    ):
        said = f"{short(folder)} holds results of another file of patients, or of an earlier state of it"
        how = "another folder with --out, and give both to crmo disclosure before they are passed on"
        raise InputError(f"{said}; name {how}, or delete that one first")
    write_text_atomically(mark, f"{now}\n")


def swap_folder(new, out, old):
    """Put a folder in the place of another one, or leave the other one there.

    Parameters
    ----------
    new, out : Path
        The folder, and where it is to be; on the same disk, where it takes one step.
    old : Path
        Where the folder that was there goes, if there was one.
    """
    try:
        if out.exists():
            out.rename(old)
        new.rename(out)
    except BaseException:
        if old.exists() and not out.exists():
            old.rename(out)
        raise


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """The safe loader, with the fast parser where there is one, that refuses a repeated key."""

    def get_single_node(self):
        """Return the root of the file, in which no mapping has a key twice."""
        root = super().get_single_node()
        # Here, not while values are made: by then `<<` has put the keys of one mapping into another.
        nodes = [root]
        while nodes:
            node = nodes.pop()
            if isinstance(node, yaml.MappingNode):
                self._refuse_repeated(key for key, _ in node.value)
                nodes += [part for pair in reversed(node.value) for part in reversed(pair)]
            elif isinstance(node, yaml.SequenceNode):
                nodes += reversed(node.value)
        return root

    def _refuse_repeated(self, keys):
        first = {}
        for key in keys:
            if not isinstance(key, yaml.ScalarNode) or key.tag.endswith(":merge"):
                continue
            value = self.construct_object(key)
            if value in first:
                other, before = first[value].value, first[value].start_mark.line + 1
                expected = f"stands in line {before} already; keep one of the two"
                if key.value != other:  # as 1 and yes: to Python, 1 is true
                    expected = f"is the same as '{other}' in line {before}; put one of the two in quotes"
                raise InputError(f"line {key.start_mark.line + 1}: the key '{key.value}' {expected}")
            first[value] = key


def not_there(path: Path) -> str:
    """Say that there is no such file, and of a path that begins nowhere, from which folder it was sought."""
    seen_from = "" if Path(path).is_absolute() else f", seen from the folder '{Path.cwd().name}'"
    return f"there is no such file{seen_from}"


def read_yaml(path: Path) -> object:
    """Read a YAML file of plain values, with the fast parser where there is one; it makes no objects.

    Raises
    ------
    InputError
        If the file cannot be read, a mapping in it has a key twice, or it repeats a part by reference or has
        very many within each other: such files grow without limit.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: {not_there(path)}")
    try:
        if path.stat().st_size > MOST_YAML:
            raise InputError(f"is larger than {MOST_YAML:,} bytes, expected a file that a person wrote")
        text = path.read_text(encoding="utf-8")
        _refuse_growth(text)
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        said, mark = " ".join(str(error).split()), getattr(error, "problem_mark", None)
        if mark:
            said = f"line {mark.line + 1}: {error.problem}"
        if "mapping values are not allowed" in said:
            said += "; a value with a colon in it stands in quotes, as title: 'Pain: a cohort'"
        raise InputError(f"{path}: cannot be read as YAML in UTF-8 ({said[:200]})") from None


def _refuse_growth(text: str) -> None:
    """Refuse what a few lines could let grow without end, before anything is made of them."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("a reference (*) to another part is not read; write the part again")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise yaml.YAMLError(f"has more than {_DEEPEST} parts within each other")


def neutral(value: object) -> object:
    """Return a cell that a spreadsheet takes for text, never for a formula; numbers stay as they are.

    Line ends become those of a cell, since a lone carriage return would end the row.

    `read_sheet` takes the apostrophe off again.

    References
    ----------
    OWASP, "CSV injection".
    """
    if not isinstance(value, str):
        return value
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{value}" if _FORMULA.match(value) and not _NUMBER.fullmatch(value) else value


def markdown(text: str) -> str:
    """Write a text so that Markdown shows it as it is."""
    return re.sub(r"([\\`*$\[\]|]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|<(?=[A-Za-z/!?]))", r"\\\1", text)


def csv_text(frame) -> str:
    """Write a table as CSV, the same bytes on every system; no cell of text is a formula to a spreadsheet."""
    buffer = io.StringIO(newline="")
    texts = [name for name in frame if any(isinstance(value, str) for value in frame[name])]
    frame.assign(**{name: frame[name].map(neutral) for name in texts}).to_csv(
        buffer, index=False, lineterminator="\n", float_format="%.6g"
    )
    return buffer.getvalue()
