"""Install the locked packages, and this project on top, into the environment whose Python runs this file.

uv does it if it is there, pip if not or if uv fails. uv does not read pip's settings, so they are handed on:
whoever told pip about a mirror or a certificate should not have to say it twice.
"""

import ast
import os
import subprocess
import sys
from pathlib import Path

LOCK = "requirements.lock"
PIP = [sys.executable, "-m", "pip"]
UV = Path(sys.executable).with_name("uv.exe" if os.name == "nt" else "uv")

# A setting of pip: the environment variables that say the same to uv, and what separates several values
# there.
SETTINGS = {
    "index-url": (["UV_DEFAULT_INDEX"], " "),
    "extra-index-url": (["UV_INDEX"], " "),
    "find-links": (["UV_FIND_LINKS"], ","),
    "trusted-host": (["UV_INSECURE_HOST"], " "),
    "cert": (["SSL_CERT_FILE"], " "),
    "proxy": (["HTTPS_PROXY", "HTTP_PROXY"], " "),
    "timeout": (["UV_HTTP_TIMEOUT"], " "),
    "default-timeout": (["UV_HTTP_TIMEOUT"], " "),
}


def read_pip_settings(listing):
    """Read what ``pip config list`` prints.

    The environment wins over ``[install]``, that over ``[global]``.
    """
    settings = {}
    for section in ("global.", "install.", ":env:."):
        for line in listing.splitlines():
            key, found, value = line.partition("=")
            if found and key.startswith(section):
                settings[key.removeprefix(section)] = str(ast.literal_eval(value))
    return settings


def translate_for_uv(settings):
    """Say pip's settings in uv's environment variables."""
    variables = {
        name: separator.join(settings[key].split())
        for key, (names, separator) in SETTINGS.items()
        if key in settings
        for name in names
    }
    # pip looks at all indexes alike; the hashes in the lock file make that safe.
    return {"UV_INDEX_STRATEGY": "unsafe-best-match", **variables}


def install(environment):
    """Install with uv, or with pip; return the exit status."""
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    listing = subprocess.run([*PIP, "config", "list"], capture_output=True, text=True, check=False).stdout
    project = ["--no-deps", "--no-build-isolation", "--editable", "."]
    locked = ["--require-hashes", LOCK]
    if UV.exists():
        uv = [str(UV), "pip"]
        target = ["--python", sys.executable, *quiet]
        variables = {**translate_for_uv(read_pip_settings(listing)), **environment}
        # `sync` also removes what is no longer locked. Compiled modules halve the start of every kernel.
        commands = [
            [*uv, "sync", *target, "--compile-bytecode", *locked],
            [*uv, "install", *target, *project],
        ]
        if all(subprocess.run(command, env=variables, check=False).returncode == 0 for command in commands):
            return 0
        print("uv did not succeed: pip tries the same, more slowly.", file=sys.stderr)
    pip = [*PIP, "install", "--disable-pip-version-check", *quiet]
    commands = [[*pip, "--require-hashes", "--requirement", LOCK], [*pip, *project]]
    return next(
        (
            status
            for command in commands
            if (status := subprocess.run(command, env=environment, check=False).returncode)
        ),
        0,
    )


if __name__ == "__main__":
    # Some machines forbid writing compiled modules; here they are wanted.
    sys.exit(install({k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}))
