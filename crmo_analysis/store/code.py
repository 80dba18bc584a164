"""Which files of the package stand behind a piece of code, found by reading imports; nothing is imported.

A name that comes through a room's door leads to the module behind the door, so that what a notebook depends
on follows from the doors that its cells name.
"""

import ast
import json
import re
from functools import cache
from pathlib import Path

from crmo_analysis.files import PACKAGE, is_file

_NAME = PACKAGE.name


def code_behind(source, package=PACKAGE):
    """Find the modules of the package that a text of Python, and all that it imports, can reach.

    Parameters
    ----------
    source : str
        A module, or the code cells of a notebook; an import inside a function counts.
    package : Path
        The package's folder.

    Returns
    -------
    list of Path
        In the order of their paths. A room's `__init__`, which only hands names on, is not among them.
    """
    found, todo = set(), list(_reached(source, package))
    while todo:
        path = todo.pop()
        if path not in found:
            found.add(path)
            todo += _reached_by(path, path.stat().st_mtime_ns, package)
    return sorted(found)


def notebook_source(notebook):
    """Return the code cells of a notebook as one text, without magics and cells that are no Python."""
    cells = json.loads(Path(notebook).read_text(encoding="utf-8")).get("cells", [])
    texts = ["".join(cell.get("source", "")) for cell in cells if cell.get("cell_type") == "code"]
    texts = [re.sub(r"^[ \t]*[%!].*$", "", text, flags=re.MULTILINE) for text in texts]
    return "\n".join(text for text in texts if _parses(text))


def files_beside(source, folder):
    """List the files that a piece of code names: modules beside it, and data by their paths from there.

    Parameters
    ----------
    source : str
        Of a notebook; what modules beside it import and name counts as well.
    folder : Path
        Of the notebook.

    Returns
    -------
    list of Path
        Of those that are there.
    """
    found, texts = set(), [source]
    for text in texts:
        tree = ast.parse(text)
        modules = _imported_names(tree)
        names = {f"{name}.py" for name in modules}
        names |= {node.value for node in ast.walk(tree) if _is_text(node)}
        paths = [folder / name for name in names]
        paths += [path for name in modules for path in (folder / name).rglob("*.py")]
        new = {path for path in paths if is_file(path)} - found
        found |= new
        codes = [path.read_text(encoding="utf-8", errors="replace") for path in new if path.suffix == ".py"]
        texts += filter(_parses, codes)
    return sorted(found)


def _is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _imported_names(tree):
    """Return the first names of the modules that a tree of Python imports."""
    nodes = list(ast.walk(tree))
    found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    found |= {
        node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level
    }
    return {name.partition(".")[0] for name in found}


def names_in(tree):
    """Yield what a tree of Python takes from the package, as dotted names.

    ``import crmo_analysis as crmo`` with ``crmo.plan`` gives ``crmo_analysis.plan``, as ``from crmo_analysis
    import plan`` does; a module that is taken whole gives its own name as well.
    """
    bound, attributes = {}, []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            attributes.append(node)
        elif isinstance(node, ast.ImportFrom) and _is_ours(node.module):
            for alias in node.names:
                yield f"{node.module}.{alias.name}"
                bound[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if _is_ours(alias.name):
                    yield alias.name
                    bound[alias.asname or _NAME] = alias.name if alias.asname else _NAME
    for name in map(_dotted, attributes):
        first, _, rest = name.partition(".")
        if rest and first in bound:
            yield f"{bound[first]}.{rest}"


def _is_ours(name):
    return bool(name) and (name == _NAME or name.startswith(f"{_NAME}."))


def _dotted(node):
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _parses(text):
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):  # the last two: nested too deeply
        return False
    return True


def _reached(source, package):
    """Return the modules that a text names; all behind the doors of a room from which it takes everything."""
    found = set()
    for name in names_in(ast.parse(source)):
        *above, last = name.split(".")[1:] or [""]
        init = package.joinpath(*above, "__init__.py")
        doors = _doors(init, init.stat().st_mtime_ns) if last == "*" and init.is_file() else [last]
        found |= {_module([*above, door], package) for door in doors}
    return found - {None}


@cache
def _reached_by(path, changed, package):
    return _reached(path.read_text(encoding="utf-8"), package)


def _module(parts, package):
    """Follow a dotted name, through doors, to the module that it is or stands in.

    None for a room or what is no file.
    """
    for place, part in enumerate(parts):
        if (package / f"{part}.py").is_file():
            return package / f"{part}.py"
        if (package / part / "__init__.py").is_file():
            package = package / part
            continue
        init = package / "__init__.py"
        inside = _doors(init, init.stat().st_mtime_ns).get(part) if init.is_file() else None
        return _module([*inside.split("."), *parts[place:]], package) if inside else None
    return None


@cache
def _doors(init, changed):
    """Read which module each door of a room leads to, from the call that attaches them."""
    for node in ast.walk(ast.parse(init.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and _dotted(node.func) == "lazy_loader.attach":
            given = {word.arg: ast.literal_eval(word.value) for word in node.keywords}
            return {name: module for module, names in given.get("submod_attrs", {}).items() for name in names}
    return {}
