"""Would a test fail if a result were wrong? Change one sign, number or comparison of a room, and run its tests.

    python benchmarks/mutants.py joint --count 200 --seed 1 --jobs 2
    python benchmarks/mutants.py models --modules jackknife --tests test_jackknife.py --count 30

A mutant is one change in one expression: a comparison its neighbour (< and <=), plus and minus, times and
divided by, and and or, a number one more, a condition turned round, a returned value None. Each is made in a
copy of the package, and the tests of that room are run until the first fails, those of the module's name first.
Survivors are printed as a diff: a test is missing, or the change makes no difference and says so. One whose tests
did not end in ten minutes is named too: it is neither.
"""

import argparse
import ast
import difflib
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import hypothesis  # noqa: F401
import matplotlib.pyplot  # noqa: F401
import pytest
import scipy.stats  # noqa: F401
import statsmodels.api  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 600  # seconds
_COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
}


def places(tree):
    """List what can be changed in a module: the node, and the node that takes its place."""
    messages = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Raise) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in messages:
            continue
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARISONS:
            yield node, ast.Compare(node.left, [_COMPARISONS[type(node.ops[0])]()], node.comparators)
        elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            yield node, ast.BinOp(node.left, _OPERATORS[type(node.op)](), node.right)
        elif isinstance(node, ast.BoolOp):
            other = ast.Or if isinstance(node.op, ast.And) else ast.And
            yield node, ast.BoolOp(other(), node.values)
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield node, ast.Constant(node.value + 1)
        elif isinstance(node, ast.IfExp):
            yield node, ast.IfExp(node.test, node.orelse, node.body)
        elif isinstance(node, ast.Return) and node.value and not isinstance(node.value, ast.Constant):
            yield node, ast.Return(ast.Constant(None))


def mutants(room, count, seed, modules=()):
    """Choose changes over modules of a room, or all: path, line, and the module's text with the change."""
    found = []
    for path in sorted((ROOT / "crmo_analysis" / room).glob("*.py")):
        if modules and path.stem not in modules:
            continue
        text = path.read_text(encoding="utf-8")
        for old, new in places(ast.parse(text)):
            found.append((path, text, old, new))
    for path, text, old, new in random.Random(seed).sample(found, min(count, len(found))):
        lines = text.splitlines(keepends=True)
        start = len("".join(lines[: old.lineno - 1]).encode()) + old.col_offset
        end = len("".join(lines[: old.end_lineno - 1]).encode()) + old.end_col_offset
        whole = text.encode()
        written = ast.unparse(ast.fix_missing_locations(ast.copy_location(new, old)))
        written = written if isinstance(new, ast.Return) else f"({written})"
        yield path, old.lineno, (whole[:start] + written.encode() + whole[end:]).decode()


def run(copy, files):
    """Run tests on a copy of the package, in a process to which the libraries came loaded."""
    os.chdir(copy)
    sys.path.insert(0, str(copy))
    sys.dont_write_bytecode, os.environ["PYTHONPATH"] = True, str(copy)
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        words = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not slow and not browser"]
        code = pytest.main([*words, *map(str, files)])
    os._exit(int(code))


def survives(mutant, room, copies, tests=()):
    """Run the room's tests, or some of them, on a mutant; return None if one fails, else the change."""
    path, line, text = mutant
    copy = copies.pop()
    target = copy / path.relative_to(ROOT)
    before = target.read_text(encoding="utf-8")
    try:
        target.write_text(text, encoding="utf-8")
        files = [copy / "tests" / room / name for name in tests] or (copy / "tests" / room).glob("test_*.py")
        files = sorted(files, key=lambda test: path.stem not in test.stem)
        process = multiprocessing.get_context("fork").Process(target=run, args=(copy, files))
        process.start()
        process.join(LONGEST)
        name = "" if process.exitcode is not None else "not ended: "
        process.kill()
        process.join()
        if not name and process.exitcode:
            return None
        name += f"{path.relative_to(ROOT)}:{line}"
    finally:
        target.write_text(before, encoding="utf-8")
        copies.append(copy)
    return "".join(difflib.unified_diff(before.splitlines(True), text.splitlines(True), name, name, n=1))


def main():
    """Print the survivors, and how many there were."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("room")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--modules", nargs="*", default=(), help="of the room; all unless some are named")
    parser.add_argument("--tests", nargs="*", default=(), help="files of the room's tests; all unless named")
    asked = parser.parse_args()
    start = time.monotonic()
    chosen = list(mutants(asked.room, asked.count, asked.seed, asked.modules))
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(asked.jobs) as pool:
        copies = []
        for number in range(asked.jobs):
            copies.append(Path(folder) / str(number))
            ignore = shutil.ignore_patterns(
                ".git", ".venv", "results", "__pycache__", ".pytest_cache", "private"
            )
            shutil.copytree(ROOT, copies[-1], ignore=ignore)
        left = 0
        for survivor in pool.map(lambda mutant: survives(mutant, asked.room, copies, asked.tests), chosen):
            left += survivor is not None
            print(survivor or ".", end="" if survivor is None else "\n", flush=True)
    minutes = (time.monotonic() - start) / 60
    print(f"\n{asked.room}: {len(chosen)} mutants, {left} survived, {minutes:.0f} minutes")


if __name__ == "__main__":
    main()
