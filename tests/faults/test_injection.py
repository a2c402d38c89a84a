"""No text of a work directory, a data set or a study becomes part of a page's program or structure.

With -s: a table of kinds of pages. `-m slow` takes one payload at a time, and opens pages in a
browser.
"""

from html.parser import HTMLParser

import pytest
from injected_pages import PAGES, PAYLOADS

POLICY = "Content-Security-Policy"
HARMLESS = "plain"
LOADED = ("src", "href", "xlink:href", "srcset", "action", "formaction", "data")


class Structure(HTMLParser):
    """What a browser makes of a page, but for its texts."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.loaded, self.policies, self.text = set(), [], [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements |= {(tag, name) for name in ("", *(name for name, _ in attributes))}
        self.loaded += [value for name, value in attributes if name in LOADED]
        told = dict(attributes)
        if told.get("http-equiv") == POLICY:
            self.policies.append(told["content"])

    def handle_data(self, data):
        self.text += data


def page_of(kind, folder, suffix):
    folder.mkdir()
    return Structure(PAGES[kind](folder, lambda text: text + suffix))


def require_harmless(kind, folder, payload):
    """The page of a payload has the elements and attributes of a harmless one, and no others."""
    plain = page_of(kind, folder / "plain", HARMLESS)
    spiked = page_of(kind, folder / "spiked", payload)
    assert payload in spiked.text  # or else nothing is shown here
    assert spiked.elements <= plain.elements
    assert all(value.startswith(("data:", "#")) for value in spiked.loaded)
    (policy,) = spiked.policies
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]


@pytest.mark.parametrize("kind", [kind for kind in PAGES if kind != "whole augmentation"])
def test_texts_stay_texts(kind, tmp_path):
    require_harmless(kind, tmp_path, "".join(PAYLOADS))


@pytest.mark.slow
@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("kind", PAGES)
def test_each_payload_stays_text(kind, payload, tmp_path):
    require_harmless(kind, tmp_path, payload)
