"""What several commands do with a result."""

import json
from collections.abc import Mapping
from typing import Any

from dermgan_jax import files
from dermgan_jax.files import Path


def keep(plain: Mapping[str, Any], out: Path | None) -> None:
    """Writes a result as JSON and says so; nothing without --out."""
    if out is not None:
        files.write_text(out, json.dumps(plain, indent=2) + "\n")
        print(f"written: {out}")
