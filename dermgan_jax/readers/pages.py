"""The page that readers see: as a server gives it, or as one file for each reader.

Both are the same page. The served one asks the server for the study; the file has it inside. What
an image is stands in neither, but for practice images in the file, whose reader is told after each
answer.
"""

import base64
import hashlib
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
from markupsafe import Markup

from dermgan_jax import files
from dermgan_jax.files import Path
from dermgan_jax.readers.design import Design
from dermgan_jax.readers.entries import FORMAT
from dermgan_jax.readers.folder import Item, StudyFolder
from dermgan_jax.readers.texts import ENGLISH

HERE = pathlib.Path(__file__).parent
SCRIPTS = ("stores", "viewer", "questions", "", "image", "events")  # of page_NAME.js, in order


def _asset(name: str) -> str:
    return (HERE / name).read_text("utf-8")


def script() -> str:
    """The page's program."""
    names = [f"page_{name}.js" if name else "page.js" for name in SCRIPTS]
    return "\n".join(['"use strict";', *map(_asset, names)])


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def policy(*, served: bool) -> str:
    """The Content-Security-Policy of the page: its own program and style, and nothing from outside.

    Args:
      served: by a server, from which images come and to which answers go.
    """
    rules = [
        "default-src 'none'",
        f"script-src {_hash(script())}",
        f"style-src {_hash(_asset('page.css'))}",
        "img-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    # A policy inside a file cannot have frame-ancestors.
    return "; ".join([*rules, "connect-src 'self'", "frame-ancestors 'none'"] if served else rules)


def study_data(design: Design, reader: str, items: Sequence[Item]) -> dict[str, Any]:
    """What the page has to know of the study and of one reader's images, as `json` writes it.

    Args:
      design: of the study.
      reader: name.
      items: the images of the reader in order.
    """
    return {
        "format": FORMAT,
        "study": design.study,
        "reader": reader,
        "revisable": design.revisable,
        "time_limit": design.time_limit,
        "told": {"real": design.num_real, "fake": design.num_fake} if design.told else None,
        "phantom": design.phantom,
        "questions": [
            {
                "name": question.name,
                "kind": question.kind,
                "options": question.options,
                "required": question.required,
            }
            for question in design.questions
        ],
        "blocks": [{"num": block.num, "practice": block.practice} for block in design.blocks],
        "items": [[item.image, item.block] for item in items],
    }


def served_page(design: Design) -> str:
    """The page as HTML, the same for all readers; it asks the server for the study."""
    return _page(design, None, "")


def write_offline_pages(folder: StudyFolder, design: Design | None = None) -> list[Path]:
    """Writes a page for each reader that works without a server; returns their paths.

    Args:
      folder: with images, key and orders.
      design: of the study; None: as the folder has it.

    Raises:
      UserError: if the study, its key or its orders are missing or damaged.
    """
    design, key = design or folder.read_design(), folder.read_key()
    written = []
    for reader, items in folder.read_orders().items():
        study = {
            **study_data(design, reader, items),
            "images": {item.image: _data_address(folder.image_file(item.image)) for item in items},
            "truths": {
                item.image: key[item.image].truth for item in items if key[item.image].practice
            },
        }
        files.write_text(folder.page(reader), _page(design, study, policy(served=False)))
        written.append(folder.page(reader))
    return written


def _data_address(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _page(design: Design, study: Mapping[str, Any] | None, inner_policy: str) -> str:
    texts = {**ENGLISH, **design.texts}
    template = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(_asset("page.html.jinja"))
    return template.render(
        title=design.title,
        texts=texts,
        policy=inner_policy,
        style=Markup(_asset("page.css")),
        script=Markup(script()),
        data=Markup(_json_inside_html({"texts": texts, "study": study})),
    )


def _json_inside_html(plain: Mapping[str, Any]) -> str:
    text = json.dumps(plain, ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
