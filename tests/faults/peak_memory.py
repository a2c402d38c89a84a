"""The most memory that this process held at a time, as far as Linux tells."""

import pathlib

_CLEAR = pathlib.Path("/proc/self/clear_refs")
_STATUS = pathlib.Path("/proc/self/status")


def begin() -> bool:
    """Begins to measure anew; False where that is not possible."""
    try:
        _CLEAR.write_text("5")
    except OSError:
        return False
    return True


def held() -> tuple[int, int]:
    """Bytes held now, and the most since `begin`."""
    told = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return tuple(int(told[key].split()[0]) * 1024 for key in ("VmRSS", "VmHWM"))
