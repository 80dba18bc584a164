"""The process that kernels are forked from.

It loads the libraries once, and stops what kernels leave running.

`warm` starts it as ``python -m crmo_analysis.execution.kernel_server`` and asks it for kernels.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib.util
import json
import os
import pkgutil
import select
import shutil
import signal
import socket
import sys
import threading
import time
from pathlib import Path

PATIENCE = 5  # seconds that a process may outlive the kernel that started it
NO_MORE = b"e"  # what the owner says when it needs no more kernels
KERNEL = "ipykernel.kernelapp"
PRELOADED = ("matplotlib.pyplot", "statsmodels.api")  # besides all that the modules of this package import
# These read the command line, start this server or come after a run; no notebook of the collection needs
# them.
_NOT_PRELOADED = ("commands", "publish", "execution", "face.explore", "comparison")


def read_line(connection):
    """Read from a connection up to the end of a line, or of the connection."""
    line = b""
    while not line.endswith(b"\n"):
        part = connection.recv(65536)
        if not part:
            break
        line += part
    return line.strip()


def _preload():
    for name in (KERNEL, *PRELOADED):
        importlib.import_module(name)
    _draw_once()
    package = importlib.import_module("crmo_analysis")
    for module in pkgutil.walk_packages(package.__path__, "crmo_analysis."):
        if not module.name.removeprefix("crmo_analysis.").startswith(_NOT_PRELOADED):
            # A module that cannot be imported is for the notebook that imports it to report.
            with contextlib.suppress(Exception):
                importlib.import_module(module.name)
    tasks = Path("/proc/self/task")
    if threading.active_count() > 1 or (tasks.exists() and len(list(tasks.iterdir())) > 1):
        raise SystemExit("crmo: a library started a thread while it was loaded, so kernels cannot be forked.")


def _draw_once():
    """Draw a figure into nothing.

    The first one of a process loads fonts and encoders, later ones find them.
    """
    from io import BytesIO

    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure()
    figure.text(0, 0, "x")
    with rc_context({"pdf.fonttype": 42}):
        for ending in ("png", "pdf", "svg"):
            figure.savefig(BytesIO(), format=ending)


def _serve(control, folder):
    """Fork a kernel for every request; return a request in the child, None when there will be no more."""
    woken, wake = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    # Become the parent of what kernels leave running, so that it can be found and stopped.
    set_child_subreaper = 36  # PR_SET_CHILD_SUBREAPER in linux/prctl.h
    ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)
    kernels, left, listening = {}, {}, [control]
    while listening or left:
        ready = select.select([*listening, woken], [], [], 0.1 if left else None)[0]
        if woken in ready:
            os.read(woken, 4096)
            _report_ended(kernels, left)
        _stop_left(kernels, left)
        if control not in ready:
            continue
        said, connections, _, _ = socket.recv_fds(control, 1, 1)
        if not connections:
            listening.clear()
            if said != NO_MORE:
                break
            continue
        connection = socket.socket(fileno=connections[0])
        request = json.loads(read_line(connection))
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for open_end in (control, connection, *kernels.values()):
                open_end.close()
            os.close(woken)
            os.close(wake)
            return request
        kernels[pid] = connection
        connection.sendall(f"{pid}\n".encode())
    for pid in [*kernels, *left]:
        _kill_group(pid)
    for pid in children_of(os.getpid()):
        _kill(pid)
    shutil.rmtree(folder, ignore_errors=True)
    return None


def _report_ended(kernels, left):
    """Tell the owners of kernels that have ended, and note until when what they left may run."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            if pid in kernels:
                left[pid] = time.monotonic() + PATIENCE
                with kernels.pop(pid) as connection, contextlib.suppress(OSError):
                    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _stop_left(kernels, left):
    """Stop what ended kernels have left running, when its time is over."""
    if not children_of(os.getpid()) - kernels.keys():
        left.clear()
    for pid in [pid for pid, end in left.items() if end <= time.monotonic()]:
        del left[pid]
        _kill_group(pid)
    if not kernels and not left:  # while one runs, an orphan may be its own
        for pid in children_of(os.getpid()):
            _kill(pid)


def children_of(pid):
    """Return the processes that a process has started and that nobody has waited for."""
    found = set()
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found |= {*map(int, path.read_text().split())}
    return found


def _kill(pid):
    """Stop a child and its own children, which become ours as it ends."""
    before = children_of(os.getpid())
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    for orphan in children_of(os.getpid()) - before:
        _kill(orphan)


def _kill_group(pid):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _become_kernel(request):
    """Do in the child what ``python -m ipykernel_launcher`` does in a new process; return its arguments."""
    os.setsid()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = [importlib.util.find_spec("ipykernel_launcher").origin, *request["argv"]]
    # Both are set when the module is imported: the state of the random numbers, equal in all children, ...
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    # ... and the way to draw, which ipykernel sets for matplotlib to find on import.
    if "matplotlib" in sys.modules:
        sys.modules["matplotlib"].rcParams["backend"] = "module://matplotlib_inline.backend_inline"
    # The kernel stops when its parent does, which is the server and not the process that asked for it.
    return [*request["argv"], f"--IPKernelApp.parent_handle={os.getppid()}"]


def _spare(loaded):
    """Keep an ending kernel from taking to pieces what all kernels share, which takes its time.

    What a notebook has put into a shared module is dropped, as at any other end. It is the first exit
    function to be registered, hence the last to be called.
    """
    for name, (module, names) in loaded.items():
        inside = vars(module)
        if len(inside) != len(names):
            for added in inside.keys() - set(names):
                del inside[added]
        sys.modules.pop(name, None)


def main():
    """Run the server: ``python -m crmo_analysis.execution.kernel_server DESCRIPTOR FOLDER [bare]``.

    Returns
    -------
    list of str or None
        In a forked kernel, its arguments.
    """
    control, folder = socket.socket(fileno=int(sys.argv[1])), sys.argv[2]
    loaded = {}
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(loaded))  # its modules stay when it is let go
    atexit.register(_spare, loaded)
    os.chdir(folder)  # where no settings are
    if sys.argv[3:] == ["bare"]:
        importlib.import_module(KERNEL)
    else:
        _preload()
    own = {"sys", "builtins", "__main__"}  # which the interpreter sees to
    loaded |= {name: (each, tuple(vars(each))) for name, each in sys.modules.items() if name not in own}
    # What is loaded stays; without this, a child's first garbage collection copies every page of it.
    gc.collect()
    gc.freeze()
    # Our own folder was put first to find this module; a kernel starts without it.
    sys.path.pop(0)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    request = _serve(control, folder)
    return None if request is None else _become_kernel(request)


if __name__ == "__main__" and (arguments := main()) is not None:
    from ipykernel import kernelapp

    # Here, as deep in the stack as any other kernel's: a notebook that recurses without end says how deep.
    kernelapp.launch_new_instance(argv=arguments)
    # ipykernel 7 closes its channels on exit while this thread may still answer the request to shut down;
    # then both wait for each other until the kernel is killed, seconds later.
    kernelapp.IPKernelApp.instance().control_thread.join(timeout=1)
    # From here the interpreter ends as any other does: threads, exit functions, cycles, open files.
