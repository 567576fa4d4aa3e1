"""What tells a running process from a later one that was given the same number."""

import os
import subprocess
import sys
from pathlib import Path


def process_identity(pid: int) -> str | None:
    """A text that only this process has, made of its start; `None` where no such process runs."""
    if sys.platform.startswith("linux"):
        return _on_linux(pid)
    return _on_windows(pid) if os.name == "nt" else _by_ps(pid)


def _on_linux(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name before the last bracket may hold anything; after it come the state and, 19 fields on, the start.
    fields = stat.rpartition(")")[2].split()
    if fields[0] in "ZX":
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {fields[19]}"


def _by_ps(pid: int) -> str | None:
    answer = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split(maxsplit=1)
    return None if len(answer) < 2 or answer[0].startswith("Z") else answer[1].strip()


def _on_windows(pid: int) -> str | None:
    import ctypes
    from ctypes import wintypes

    query_limited_information, still_active = 0x1000, 259
    kernel = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined]
    kernel.OpenProcess.restype = wintypes.HANDLE
    handle = wintypes.HANDLE(kernel.OpenProcess(query_limited_information, False, pid))
    if not handle:
        return None
    times, code = [wintypes.FILETIME() for _ in range(4)], wintypes.DWORD()
    known = kernel.GetProcessTimes(handle, *map(ctypes.byref, times))
    known = known and kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    started = times[0]
    return f"{started.dwHighDateTime}.{started.dwLowDateTime}" if known and code.value == still_active else None
