"""Words of the readers' page, in English or as a file of texts says."""

import pathlib
import re
import tomllib
from typing import Any

from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.registry import did_you_mean

CLASS_NAMES = "option.class."  # classes of a study's own may be named below this
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def _flat(plain: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Tables of tables as one, keys with dots between them."""
    found = {}
    for key, value in plain.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


ENGLISH: dict[str, str] = _flat(
    tomllib.loads((pathlib.Path(__file__).parent / "texts_en.toml").read_text("utf-8"))
)


def read(path: Path) -> dict[str, str]:
    """Texts of a TOML file with the keys of `texts_en.toml`, English where it has none.

    What is missing is listed on the screen.

    Raises:
      UserError: if it cannot be read, a key is unknown, a value is no text, or a text lacks
        something in braces, or has more, than the English one.
    """
    try:
        given = _flat(tomllib.loads(path.read_bytes().decode()))
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file") from error
    except (ValueError, OSError) as error:
        raise UserError(f"{path} is no file of texts: {error}") from error
    for key, text in given.items():
        if key not in ENGLISH and not key.startswith(CLASS_NAMES):
            raise UserError(f"{path}: unknown text {key!r}{_near(key)}")
        if not isinstance(text, str) or not text.strip():
            raise UserError(f"{path}: {key} is to be a text in quotes")
        wanted = set(_PLACEHOLDER.findall(ENGLISH.get(key, "")))
        if set(_PLACEHOLDER.findall(text)) != wanted:
            named = ", ".join(f"{{{name}}}" for name in sorted(wanted)) or "nothing in braces"
            raise UserError(f"{path}: {key} has to have {named}: {text!r}")
    missing = [key for key in ENGLISH if key not in given]
    if missing:
        print(f"note: {path} lacks {len(missing)} texts, which stay English: {', '.join(missing)}")
    return ENGLISH | given


def _near(key: str) -> str:
    clause = did_you_mean(key, tuple(ENGLISH))
    return clause if "did you mean" in clause else "; texts_en.toml has those that there are"
