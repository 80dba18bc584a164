"""Kernels that start warm: forked from one process that has the libraries loaded already.

Most of the time of a short notebook goes into importing pandas, statsmodels and seaborn. A server process
imports them once; every notebook then gets a new process forked from it, as fresh and as separate as an
ordinary kernel.

The server is our own few lines rather than `multiprocessing`'s: that one imports the caller's main script
again in every child, and its children keep it alive after the program that started it has gone.
"""

import atexit
import contextlib
import functools
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from pathlib import Path

from crmo_analysis.execution.kernel_server import NO_MORE, PATIENCE, children_of, read_line
from crmo_analysis.files import PUBLISHED_RUN

# A thread does not survive a fork, so neither linear algebra nor Arrow's memory may start any.
_FIXED = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_FIXED |= {"JE_ARROW_MALLOC_CONF": "background_thread:false", "PYTHONHASHSEED": "0", "TZ": "UTC"}
_FIXED |= dict.fromkeys(("LC_ALL", "LANG"), "C.UTF-8")
# What a person sets for other programs; a notebook gives the same bytes without.
_PERSONAL = re.compile(
    r"(MPL|MATPLOTLIB|IPYTHON|PYTHON(?!PATH$|HOME$)|LC_|LANG|OMP_|KMP_|GOMP_|OPENBLAS_|GOTO_|MKL_|BLIS_|VECLIB_"
    r"|NUMEXPR_|NUMBA_|NPY_|NUMPY_|SCIPY_|PANDAS_|ARROW_|MIMALLOC_)\w*|TZ|TZDIR|COLUMNS|LINES|NO_COLOR|FORCE_COLOR"
    r"|CLICOLOR\w*|SOURCE_DATE_EPOCH|QT_API|ETS_TOOLKIT"
)
_LONGEST_FOLDER = 75  # for sockets in a folder below it

_lock = threading.Lock()
_server = None
_ordinary = weakref.WeakSet()  # what started kernels that are not forked
# Held while results are written. Who takes it and ends the program leaves nothing half-written, and runs that
# lose their kernels meanwhile leave nothing at all.
going_on = threading.RLock()


def _private_folder(prefix, above=None):
    """Make a folder that only its owner can open, for sockets: the path of one may have 107 characters."""
    folder = tempfile.mkdtemp(prefix=prefix, dir=above)
    if not above and len(folder) > _LONGEST_FOLDER and Path("/tmp").is_dir():
        os.rmdir(folder)
        folder = tempfile.mkdtemp(prefix=prefix, dir="/tmp")
    return folder


class _Server:
    """The server's process, our end of the connection to it, and the folder for its kernels' sockets."""

    def __init__(self, bare):
        self.owner = os.getpid()
        self.folder = _private_folder("crmo-")
        self.has_kernels = False
        self.control, theirs = socket.socketpair()
        with theirs:
            server = [sys.executable, "-m", "crmo_analysis.execution.kernel_server"]
            self.process = subprocess.Popen(
                [*server, str(theirs.fileno()), self.folder, *["bare"] * bare],
                cwd=Path(__file__).resolve().parents[2],
                env=environment(),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # Ctrl-C in a terminal reaches every process of the group; the server must not die of it.
                start_new_session=True,
            )

    def stop(self, at_once=False):
        if os.getpid() != self.owner:
            return
        if self.has_kernels and not at_once:  # what they left running has some time to end
            with contextlib.suppress(OSError):
                self.control.sendall(NO_MORE)
        self.control.close()
        try:
            # Without a kernel it may still be loading its libraries, and does not listen.
            self.process.wait(timeout=PATIENCE + 1.5 if self.has_kernels else 0)
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
        self.pid = int(read_line(self.connection))
        server.has_kernels = True

    def poll(self):
        if self.returncode is None and select.select([self.connection], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout=None):
        if self.returncode is None:
            if not select.select([self.connection], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("kernel", timeout)
            # No number means that the server itself has gone, and its kernels with it.
            self.returncode = int(read_line(self.connection) or -signal.SIGKILL)
            self.connection.close()
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def terminate(self):
        self.send_signal(signal.SIGTERM)


def environment(more=None):
    """Return the environment of a kernel: that of this process without what a person sets to their liking.

    Settings of matplotlib are looked for in a folder of our own, which holds none but its list of fonts.
    """
    kept = {name: value for name, value in os.environ.items() if not _PERSONAL.fullmatch(name)}
    kept.pop(PUBLISHED_RUN, None)
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return (
        kept | _FIXED | {"MPLCONFIGDIR": _fonts(Path(caches, "crmo_analysis", "matplotlib"))} | (more or {})
    )


@functools.cache
def _fonts(place):
    """Return a folder for the list of fonts: this one, or where it cannot be written, a passing one."""
    with contextlib.suppress(OSError):
        place.mkdir(parents=True, exist_ok=True)
    if not os.access(place, os.W_OK):
        place = tempfile.mkdtemp(prefix="crmo-fonts-")
        atexit.register(shutil.rmtree, place, ignore_errors=True)
    return str(place)


def available():
    """Say whether kernels can be forked here, as on Linux.

    On macOS a process that has loaded system libraries cannot be forked safely, and Windows cannot fork;
    there every kernel starts the ordinary way.
    """
    return sys.platform.startswith("linux")


def is_installed(kernel):
    """Say whether a kernel of this name is installed for Jupyter."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        KernelSpecManager().get_kernel_spec(kernel)
    except (NoSuchKernel, ValueError):
        return False
    return True


def start(bare=False):
    """Start the server if it is not running yet, without waiting for it to be ready.

    Call it early: the server imports its libraries while the caller does something else. A `bare` one loads
    none: a single kernel imports what its notebook needs, and need not wait for the rest.
    """
    global _server
    with _lock:
        inherited = _server is not None and _server.owner != os.getpid()
        if available() and (_server is None or inherited):
            _server = _Server(bare)
            atexit.register(_server.stop)
        # A server that has stopped is not started again: it would stop for the same reason.
        return _server if _server is not None and _server.process.poll() is None else None


def stop(at_once=False):
    """Stop the server, its kernels and everything they left in the temporary folder.

    With `at_once` it does not wait for processes that ended kernels have left running, and stops kernels that
    are not the server's as well.
    """
    global _server
    for each in list(_ordinary) if at_once else ():
        if each.process and each.process.poll() is None:
            started = [each.pid]
            for pid in started:  # while it lives, what it has started can be found
                started += children_of(pid)
            if sys.platform == "win32":
                each.process.kill()
            else:
                os.killpg(each.pgid, signal.SIGKILL)
            for pid in started[1:]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                each.process.wait(timeout=1)
            shutil.rmtree(each.parent.own_folder, ignore_errors=True)
    with _lock:
        if _server is not None:
            atexit.unregister(_server.stop)
            _server.stop(at_once)
            _server = None


@functools.cache
def kernel_manager_class(plain=False):
    """Make the class, a `jupyter_client.AsyncKernelManager`, that Jupyter asks for a kernel.

    It forks a kernel of this very Python from the server, or starts an ordinary one where that is not
    possible or all are to be `plain`. It talks through sockets in a private folder, where no other user can
    listen, and since kernels that start together can choose the same network port; on Windows through ports,
    encrypted.
    """
    # Here, not at the top: the server starts before jupyter_client is imported, and both happen at once.
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    provisioner_class, client_class = _provisioner_class(plain), _client_class()

    class WarmKernelManager(AsyncKernelManager):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.client_factory = client_class
            server = None if plain else start()
            self.own_folder = _private_folder("crmo-kernel-", server.folder if server else None)
            self.connection_file = f"{self.own_folder}/k.json"
            os.mkdir(f"{self.own_folder}/ipython")  # settings: none
            if sys.platform == "win32":
                self.transport_encryption = "required"
            else:
                self.transport, self.ip = "ipc", f"{self.own_folder}/k"
            self.provisioner = provisioner_class(kernel_spec=self.kernel_spec, parent=self)

        @property
        def kernel_spec(self):
            # This very Python, whatever kernel of the same name is installed for the user.
            settings = f"--ipython-dir={self.own_folder}/ipython"
            return KernelSpec(
                argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", settings],
                display_name="Python 3 (ipykernel)",
                language="python",
                metadata={"supported_encryption": ["curve"]},
            )

        @property
        def exit_code(self):
            return self.provisioner.exit_code

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


def _provisioner_class(plain):
    """Make the class that starts the process of a kernel."""
    from jupyter_client.provisioning import LocalProvisioner

    class WarmProvisioner(LocalProvisioner):
        exit_code = None

        async def launch_kernel(self, cmd, **kwargs):
            server, cwd = None if plain else start(), str(kwargs.get("cwd") or Path.cwd())
            if server is None:
                _ordinary.add(self)
                return await super().launch_kernel(cmd, **kwargs)
            argv = cmd[cmd.index("ipykernel_launcher") + 1 :]
            try:
                self.process = _ForkedProcess(server, argv, kwargs["env"], cwd)
            except (OSError, ValueError):
                # The server could not load its libraries, or was killed.
                _ordinary.add(self)
                return await super().launch_kernel(cmd, **kwargs)
            # A forked kernel leads a process group of its own, as an ordinary one does.
            self.pid = self.pgid = self.process.pid
            self.cwd = cwd
            return self.connection_info

        async def poll(self):
            if self.process:
                self.exit_code = self.process.poll()
            return await super().poll()

    return WarmProvisioner


def _client_class():
    """Make the class that talks to a kernel."""
    from jupyter_client.asynchronous import AsyncKernelClient

    class PromptClient(AsyncKernelClient):
        async def wait_for_ready(self, timeout=None):
            # Once a first message shows that the kernel is heard, what follows it is there at once; the
            # default waits a fifth of a second for more.
            channel, heard = self.iopub_channel, []

            async def get_msg(timeout=None):
                heard.append(await type(channel).get_msg(channel, timeout=0.02 if heard else timeout))
                return heard[-1]

            channel.get_msg = get_msg
            try:
                await super().wait_for_ready(timeout)
            finally:
                del channel.get_msg

    return PromptClient
