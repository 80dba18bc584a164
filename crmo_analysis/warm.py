"""Kernels that start warm: forked from one process that has the libraries loaded already.

Most of the time of a short notebook goes into importing pandas, statsmodels and seaborn. A server process imports
them once; every notebook then gets a new process forked from it, as fresh and as separate as an ordinary kernel.

The server is our own few lines rather than `multiprocessing`'s: that one imports the caller's main script again in
every child, and its children keep it alive after the program that started it has gone.
"""

import atexit
import contextlib
import ctypes
import functools
import gc
import importlib.util
import json
import os
import pkgutil
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

# Besides these, all that the modules of this package import.
PRELOADED = (
    "ipykernel.kernelapp",
    "numpy",
    "pandas",
    "scipy.stats",
    "matplotlib.pyplot",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "matplotlib.backends.backend_svg",
    "seaborn",
    "statsmodels.api",
    "statsmodels.stats.proportion",
)
# A thread does not survive a fork, so neither linear algebra nor Arrow's memory may start any.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
ONE_THREAD |= {"JE_ARROW_MALLOC_CONF": "background_thread:false"}
# These read the command line, start this server or come after a run; no notebook of the collection needs them.
_NOT_PRELOADED = {"cli", "progress", "run", "sweep", "tasks", "warm", "explore", "comparison_report"}
_NOT_PRELOADED |= {"exhibits", "webpages", "website", "tables", "numbers", "outline", "manuscript"}
_NOT_PRELOADED |= {"messages", "study_commands", "patient_commands"}
_LONGEST_FOLDER = 75  # for sockets in a folder below it

_lock = threading.Lock()
_server = None


def _private_folder(prefix, above=None):
    """Make a folder that only its owner can open, for sockets: the path of one may have 107 characters."""
    folder = tempfile.mkdtemp(prefix=prefix, dir=above)
    if not above and len(folder) > _LONGEST_FOLDER and Path("/tmp").is_dir():
        os.rmdir(folder)
        folder = tempfile.mkdtemp(prefix=prefix, dir="/tmp")
    return folder


class _Server:
    """The server's process, our end of the connection to it, and the folder for its kernels' sockets."""

    def __init__(self):
        self.owner = os.getpid()
        self.folder = _private_folder("crmo-")
        self.control, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "crmo_analysis.warm", str(theirs.fileno()), self.folder],
                cwd=Path(__file__).resolve().parent.parent,
                env=os.environ | ONE_THREAD,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # Ctrl-C in a terminal reaches every process of the group; the server must not die of it.
                start_new_session=True,
            )

    def stop(self):
        if os.getpid() != self.owner:
            return
        self.control.close()
        try:
            self.process.wait(timeout=1.5)  # while it still loads its libraries it does not listen, and has no kernel
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class _ForkedProcess:
    """A forked kernel, with the part of `subprocess.Popen` that Jupyter uses."""

    stdin = stdout = stderr = None

    def __init__(self, server, argv, env, cwd):
        self.connection, theirs = socket.socketpair()
        self.returncode = None
        with theirs:
            socket.send_fds(server.control, [b"k"], [theirs.fileno()])
        request = {"argv": argv, "env": env, "cwd": cwd}
        self.connection.sendall(json.dumps(request).encode() + b"\n")
        self.pid = int(_read_line(self.connection))

    def poll(self):
        if self.returncode is None and select.select([self.connection], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout=None):
        if self.returncode is None:
            if not select.select([self.connection], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("kernel", timeout)
            # No number means that the server itself has gone, and its kernels with it.
            self.returncode = int(_read_line(self.connection) or -signal.SIGKILL)
            self.connection.close()
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def terminate(self):
        self.send_signal(signal.SIGTERM)


def available():
    """Say whether kernels can be forked here.

    Returns
    -------
    bool
        True on Linux. On macOS a process that has loaded system libraries cannot be forked safely, and Windows
        cannot fork; there every kernel starts the ordinary way.
    """
    return sys.platform.startswith("linux")


def start():
    """Start the server if it is not running yet, without waiting for it to be ready.

    Call it early: the server imports its libraries while the caller does something else.
    """
    global _server
    with _lock:
        inherited = _server is not None and _server.owner != os.getpid()
        if available() and (_server is None or inherited):
            _server = _Server()
            atexit.register(_server.stop)
        # A server that has stopped is not started again: it would stop for the same reason.
        return _server if _server is not None and _server.process.poll() is None else None


def stop():
    """Stop the server, its kernels and everything they left in the temporary folder."""
    global _server
    with _lock:
        if _server is not None:
            atexit.unregister(_server.stop)
            _server.stop()
            _server = None


@functools.cache
def kernel_manager_class(plain=False):
    """Make the class that Jupyter asks for a kernel.

    Parameters
    ----------
    plain : bool
        Start every kernel the ordinary way.

    Returns
    -------
    type
        A `jupyter_client.AsyncKernelManager`: for a Python notebook it forks a kernel of this very Python from the
        server, or starts an ordinary one where that is not possible. It talks through sockets in a private folder,
        where no other user can listen, and since two kernels that start at the same time can choose the same network
        port; on Windows through ports, encrypted.
    """
    # Here, not at the top: the server is started before jupyter_client is imported, so that both happen at once.
    from jupyter_client.asynchronous import AsyncKernelClient
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_client.provisioning import LocalProvisioner

    class WarmProvisioner(LocalProvisioner):
        async def launch_kernel(self, cmd, **kwargs):
            server, cwd = None if plain else start(), str(kwargs.get("cwd") or Path.cwd())
            if server is None:
                return await super().launch_kernel(cmd, **kwargs)
            argv = cmd[cmd.index("ipykernel_launcher") + 1 :]
            try:
                self.process = _ForkedProcess(server, argv, kwargs["env"], cwd)
            except (OSError, ValueError):
                # The server could not load its libraries, or was killed.
                return await super().launch_kernel(cmd, **kwargs)
            # A forked kernel leads a process group of its own, as an ordinary one does.
            self.pid = self.pgid = self.process.pid
            self.cwd = cwd
            return self.connection_info

    class PromptClient(AsyncKernelClient):
        async def wait_for_ready(self, timeout=None):
            # Once a first message shows that the kernel is heard, what follows it is there at once; the default
            # waits a fifth of a second for more.
            channel, heard = self.iopub_channel, []

            async def get_msg(timeout=None):
                heard.append(await type(channel).get_msg(channel, timeout=0.02 if heard else timeout))
                return heard[-1]

            channel.get_msg = get_msg
            try:
                await super().wait_for_ready(timeout)
            finally:
                del channel.get_msg

    class WarmKernelManager(AsyncKernelManager):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.client_factory = PromptClient
            server = None if plain else start()
            self.own_folder = _private_folder("crmo-kernel-", server.folder if server else None)
            self.connection_file = f"{self.own_folder}/k.json"
            if sys.platform == "win32":
                self.transport_encryption = "required"
            else:
                self.transport, self.ip = "ipc", f"{self.own_folder}/k"
            self.provisioner = WarmProvisioner(kernel_spec=self.kernel_spec, parent=self)

        @property
        def kernel_spec(self):
            # This very Python, whatever kernel of the same name is installed for the user.
            return KernelSpec(
                argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
                display_name="Python 3 (ipykernel)",
                language="python",
            )

        async def _async_finish_shutdown(self, waittime=None, pollinterval=0.01, restart=False):
            # The default looks for the end of the kernel ten times a second.
            await super()._async_finish_shutdown(waittime, pollinterval, restart)

        async def _async_cleanup_resources(self, restart=False):
            await super()._async_cleanup_resources(restart=restart)
            if not restart:
                shutil.rmtree(self.own_folder, ignore_errors=True)

        # The parent class has this second name, and nbclient calls it.
        cleanup_resources = _async_cleanup_resources

    return WarmKernelManager


def _read_line(connection):
    line = b""
    while not line.endswith(b"\n"):
        part = connection.recv(65536)
        if not part:
            break
        line += part
    return line.strip()


def _preload():
    for name in PRELOADED:
        importlib.import_module(name)
    _draw_once()
    package = importlib.import_module("crmo_analysis")
    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in _NOT_PRELOADED:
            # A module that cannot be imported is for the notebook that imports it to report.
            with contextlib.suppress(Exception):
                importlib.import_module(f"crmo_analysis.{module.name}")
    tasks = Path("/proc/self/task")
    if threading.active_count() > 1 or (tasks.exists() and len(list(tasks.iterdir())) > 1):
        raise SystemExit("crmo: a library started a thread while it was loaded, so kernels cannot be forked.")
    # What is loaded stays; without this, a child's first garbage collection copies every page of it.
    gc.collect()
    gc.freeze()


def _draw_once():
    """Draw a figure into nothing: the first one of a process loads fonts and encoders, later ones find them."""
    from io import BytesIO

    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure()
    figure.text(0, 0, "x")
    with rc_context({"pdf.fonttype": 42}):
        for ending in ("png", "pdf", "svg"):
            figure.savefig(BytesIO(), format=ending)


def _serve(control, folder):
    """Fork a kernel for every request; return a request in the child, None when the owner has gone."""
    woken, wake = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    _adopt_orphans()
    kernels = {}
    while True:
        ready = select.select([control, woken], [], [])[0]
        if woken in ready:
            os.read(woken, 4096)
            _report_ended(kernels)
        if control in ready:
            _, connections, _, _ = socket.recv_fds(control, 1, 1)
            if not connections:
                break
            connection = socket.socket(fileno=connections[0])
            request = json.loads(_read_line(connection))
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
    for pid in kernels:
        _kill_group(pid)
    _kill_children()
    shutil.rmtree(folder, ignore_errors=True)
    return None


def _adopt_orphans():
    """Become the parent of what kernels leave running, so that it can be found and stopped."""
    set_child_subreaper = 36  # PR_SET_CHILD_SUBREAPER in linux/prctl.h
    ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


def _report_ended(kernels):
    """Tell the owners of kernels that have ended, and stop what those have left running."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            if pid in kernels:
                _kill_group(pid)
                with kernels.pop(pid) as connection, contextlib.suppress(OSError):
                    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    if not kernels:  # while one runs, an orphan may be its own
        _kill_children()


def _kill_group(pid):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _kill_children():
    """Stop all children, and theirs, which become ours as they lose their parents."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    with contextlib.suppress(ChildProcessError, OSError):
        while found := children.read_text().split():
            for pid in map(int, found):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def _become_kernel(request):
    """Do in the child what ``python -m ipykernel_launcher`` does in a new process."""
    os.setsid()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = [importlib.util.find_spec("ipykernel_launcher").origin, *request["argv"]]

    import matplotlib
    import numpy
    from ipykernel import kernelapp

    # Both were set when the module was imported: the state of the random numbers, equal in all children, ...
    numpy.random.seed()  # noqa: NPY002
    # ... and the way to draw, which ipykernel sets for matplotlib to find on import.
    backend = os.environ.get("MPLBACKEND") or "module://matplotlib_inline.backend_inline"
    matplotlib.rcParams["backend"] = backend
    # The kernel stops when its parent does, which is the server and not the process that asked for it.
    kernelapp.launch_new_instance(argv=[*request["argv"], f"--IPKernelApp.parent_handle={os.getppid()}"])
    # ipykernel 7 closes its channels on exit while this thread may still answer the request to shut down; then both
    # wait for each other until the kernel is killed, seconds later.
    kernelapp.IPKernelApp.instance().control_thread.join(timeout=1)
    # What an ordinary exit does, but for taking all that was loaded to pieces, which takes longer than a short notebook.
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def main():
    """Run the server: ``python -m crmo_analysis.warm DESCRIPTOR FOLDER``."""
    control, folder = socket.socket(fileno=int(sys.argv[1])), sys.argv[2]
    _preload()
    # Our own folder was put first to find this module; a kernel starts without it.
    sys.path.pop(0)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    request = _serve(control, folder)
    if request is not None:
        _become_kernel(request)


if __name__ == "__main__":
    main()
