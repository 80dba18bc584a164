"""Private parts of other packages that this one takes hold of.

Each in one module, each with what to do when it moves.

A new version of a package may rename what is private. Then a test here fails, and says what the collection
loses and where to look; nothing else needs to know.
"""

import ast
import importlib
import inspect
import subprocess
import sys

import pytest

from crmo_analysis import files

# Who takes hold of what, and what to do when a new version has moved it.
HOOKS = {
    "pytask_parallel.execute._Sleeper": (
        "commands/progress.py",
        "Tasks are looked for only once a second: a rerun of short notebooks takes longer, and is right. "
        "Find how"
        " pytask-parallel waits now, and shorten it in _threads, or delete the hook there.",
    ),
    "jupyter_client.manager.AsyncKernelManager._async_finish_shutdown": (
        "execution/warm.py",
        "The end of a kernel is looked for ten times a second: a tenth of a second a notebook. Find how"
        " jupyter_client polls now.",
    ),
    "jupyter_client.manager.AsyncKernelManager._async_cleanup_resources": (
        "execution/warm.py",
        "Folders of sockets stay behind. Find what jupyter_client calls when a kernel has ended, and remove "
        "them there.",
    ),
    "jupyter_client.asynchronous.AsyncKernelClient.wait_for_ready": (
        "execution/warm.py",
        "A notebook waits a fifth of a second longer for its kernel. Find how jupyter_client waits for a "
        "first message.",
    ),
    "jupyter_client.provisioning.LocalProvisioner.launch_kernel": (
        "execution/warm.py",
        "No kernel is forked: a rerun takes several times as long. Find where jupyter_client starts a "
        "process now.",
    ),
}


@pytest.mark.parametrize("name", HOOKS)
def test_what_is_taken_hold_of_is_there(name):
    where, what_to_do = HOOKS[name]
    module, _, attribute = name.rpartition(".")
    try:
        holder = importlib.import_module(module)
    except ImportError:
        parent, _, kind = module.rpartition(".")
        holder = getattr(importlib.import_module(parent), kind, None)
    assert hasattr(holder, attribute), f"{name} is gone ({where}). {what_to_do}"


def test_the_list_of_intervals_is_one():
    from pytask_parallel import execute

    timings = execute._Sleeper().timings
    assert isinstance(timings, list), HOOKS["pytask_parallel.execute._Sleeper"][1]
    assert all(isinstance(each, int | float) for each in timings)


def test_polling_for_the_end_of_a_kernel_takes_an_interval():
    from jupyter_client.manager import AsyncKernelManager

    names = list(inspect.signature(AsyncKernelManager._async_finish_shutdown).parameters)
    assert names[1:4] == ["waittime", "pollinterval", "restart"]


def test_a_blanked_grammar_leaves_addresses_unchecked_and_notebooks_checked():
    """`execution/running.py` blanks rfc3987_syntax, whose grammar takes 2 s to build.

    If this fails, delete the hook.
    """
    source = (
        "import sys; sys.modules['rfc3987_syntax'] = None\n"
        "import jsonschema, nbformat\n"
        "nbformat.validate(nbformat.v4.new_notebook())\n"
        "try: nbformat.validate({'cells': 1})\nexcept jsonschema.ValidationError: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"


def test_each_package_is_taken_hold_of_in_one_module():
    """No other module reaches for a private name of these packages."""
    held = {"pytask_parallel": "commands/progress.py", "jupyter_client": "execution/warm.py"}
    for path in sorted(files.PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        place = path.relative_to(files.PACKAGE).as_posix()
        taken = {
            (node.module or "").split(".")[0]
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.ImportFrom)
        }
        for package, where in held.items():
            assert package not in taken or place == where, f"{place} imports {package}; only {where} may"
        assert "rfc3987_syntax" not in text or place == "execution/running.py"
