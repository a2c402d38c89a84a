"""Names of classes as names of folders, and back.

A class may be called "SCC/AK" or "../x"; the folder of its images may not. Such characters are
written as URLs write them: SCC%2FAK.
"""

import re

from dermgan_jax import files

# Separators, what other systems or shells refuse, what would hide a folder (a leading dot), what
# Windows drops (a dot or blank at the end), and whatever reads like an escape already.
_REFUSED = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f]|^\.|^ |[. ]$|%(?=[0-7][0-9A-F])')
_ESCAPE = re.compile(r"%([0-7][0-9A-F])")
_HIDDEN = "__MACOSX"


def folder_of(name: str) -> str:
    """The folder that holds images of a class; said once where it is called otherwise.

    Args:
      name: of the class, not empty.
    """
    folder = _escaped(name)
    if folder != name:
        files.tell_once(
            f"note: the class {name!r} lies in the folder {folder!r}, as no folder can safely be "
            "called so; it is read back as that class"
        )
    return folder


def class_of(folder: str) -> str:
    """The class whose images a folder holds: the inverse of `folder_of`, and silent.

    Folders that `folder_of` would never name so, such as "100%2B", are classes as they are.
    """
    name = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), folder)
    return name if _escaped(name) == folder else folder


def _escaped(name: str) -> str:
    escaped = _REFUSED.sub(lambda match: f"%{ord(match[0]):02X}", name)
    return f"%5F{name[1:]}" if name == _HIDDEN else escaped
