"""What the system says of processes: which one a number means now, and whether a group still works."""

import os
import subprocess
import sys
from pathlib import Path

# Counted from the state, which is the third field of all.
START_FIELD = 19


def process_identity(pid: int) -> str | None:
    """A text that only this process has, made of its start; `None` where no such process runs."""
    if sys.platform.startswith("linux"):
        return _on_linux(pid)
    return _on_windows(pid) if os.name == "nt" else _by_ps(pid)


def group_has_living(group: int) -> bool:
    """Whether a process group has a member that has not ended; True where the system does not tell (not Linux)."""
    if not sys.platform.startswith("linux"):
        return True
    return any(fields[2] == str(group) and fields[0] not in "ZX" for fields in map(_stat, _process_numbers()) if fields)


def _process_numbers() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def _stat(pid: int) -> list[str]:
    """State, parent, group and what follows of `/proc/PID/stat`; empty where there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return []
    # The name before the last bracket may hold anything.
    return stat.rpartition(")")[2].split()


def _on_linux(pid: int) -> str | None:
    fields = _stat(pid)
    if not fields or fields[0] in "ZX":
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {fields[START_FIELD]}"


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
