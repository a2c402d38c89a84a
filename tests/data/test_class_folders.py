"""Classes of any name have a folder of their own, and are known again by it."""

import pytest

from dermgan_jax import files, listings
from dermgan_jax.data.class_folders import class_of, folder_of

NAMES = {
    "nv": "nv",
    "solar lentigo": "solar lentigo",
    "Mélanome": "Mélanome",
    "50%": "50%",
    "SCC/AK": "SCC%2FAK",
    "../x": "%2E.%2Fx",
    "..": "%2E%2E",
    ".hidden": "%2Ehidden",
    "in situ.": "in situ%2E",
    " a ": "%20a%20",
    'a\\b:c*d?e"f<g>h|i': "a%5Cb%3Ac%2Ad%3Fe%22f%3Cg%3Eh%7Ci",
    "a\nb": "a%0Ab",
    "SCC%2FAK": "SCC%252FAK",
    "%2/": "%2%2F",
    "__MACOSX": "%5F_MACOSX",
}


@pytest.mark.parametrize(("name", "folder"), NAMES.items())
def test_class_is_known_again_by_its_folder(name, folder):
    assert folder_of(name) == folder
    assert class_of(folder) == name
    assert listings.is_visible(folder)
    assert "/" not in folder


def test_two_classes_never_share_a_folder():
    assert len({folder_of(name) for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("folder", ["100%2B", "a%20b", "%zz", "100 %"])
def test_folder_that_only_looks_escaped_is_a_class_as_it_is(folder):
    assert class_of(folder) == folder


def test_other_name_of_a_folder_is_said_once(capsys):
    files.tell_once.cache_clear()
    for _ in range(2):
        folder_of("mel/nv")
        folder_of("nv")
    assert capsys.readouterr().err.count("the class 'mel/nv' lies in the folder 'mel%2Fnv'") == 1
