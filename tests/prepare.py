"""Installs what the tests need beyond Python packages: a browser, strace, slapd. `make test` runs it first; it does nothing twice.

Knows Debian's package manager only; elsewhere it says what to install by hand.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def chromium() -> Path | None:
    """The browser that tests drive: LEARNLAKE_CHROMIUM, or the first of the usual names on PATH; None without one."""
    named = os.environ.get("LEARNLAKE_CHROMIUM")
    if named:
        return Path(named) if Path(named).is_file() else None
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    return Path(found) if found else None


def slapd() -> str | None:
    """The LDAP server that tests start for themselves; Debian keeps it where only root's PATH looks."""
    return shutil.which("slapd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/libexec")


def main() -> int:
    missing = []
    if not chromium():
        missing += ["chromium", "fonts-dejavu-core"]
    if sys.platform == "linux" and not shutil.which("strace"):
        missing.append("strace")
    if sys.platform == "linux" and not slapd():
        missing.append("slapd")
    if not missing:
        return 0
    by_hand = (
        "Install Chromium and put it on PATH, or name it in LEARNLAKE_CHROMIUM; on Linux also strace and slapd. "
        f"On Debian: apt-get install {' '.join(missing)}"
    )
    if not shutil.which("apt-get") or os.geteuid() != 0:
        print(f"The tests need {' and '.join(missing)}. {by_hand}", file=sys.stderr)
        return 1
    print(f"Installing {' '.join(missing)} for the tests ...", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *missing]
    if (
        "slapd" in missing
    ):  # the tests start their own: no directory of the system's is to be set up and started
        answer = "slapd slapd/no_configuration boolean true\n"
        subprocess.run(["debconf-set-selections"], input=answer, text=True, check=True)
    for command in (["apt-get", "update", "--quiet"], install):
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            print(result.stdout[-2000:], result.stderr[-2000:], sep="\n", file=sys.stderr)
            print(f"`{' '.join(command)}` failed. {by_hand}", file=sys.stderr)
            return 1
    return 0 if chromium() else 1


if __name__ == "__main__":
    sys.exit(main())
