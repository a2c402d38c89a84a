"""DICOM files, made here, are read as a viewer shows them, and nobody's name is kept."""

import sys

import numpy as np
import pytest
from dicom_files import RAMP, write_dicom
from pydicom import Dataset
from pydicom.uid import JPEGLSLossless

from dermgan_jax.data import dicom
from dermgan_jax.data.datasets import image_folder
from dermgan_jax.data.decode import find_images, header_size, read_image, require_grey
from dermgan_jax.data.faults import DataError


def grey(path, **options):
    return read_image(path, 1, **options)[0, :, 0].tolist()


def test_the_range_of_the_stored_bits_becomes_black_to_white(tmp_path):
    path = write_dicom(tmp_path / "a.dcm")
    assert grey(path) == [0, 64, 128, 255]
    assert read_image(path, 3).shape == (1, 4, 3)
    assert header_size(path) == (1, 4)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"PhotometricInterpretation": "MONOCHROME1"}, [255, 191, 127, 0]),
        ({"PresentationLUTShape": "INVERSE"}, [255, 191, 127, 0]),
        # PS3.3 C.11.2.1.2.1: 1024 is at (1024 - 1023.5) / 2047 + 1/2.
        ({"WindowCenter": 1024, "WindowWidth": 2048}, [0, 128, 255, 255]),
        ({"WindowCenter": [1024, 9], "WindowWidth": [2048, 9]}, [0, 128, 255, 255]),
        # Rescaled to -1024 … 3071 before the window, which is in those units.
        (
            {
                "RescaleSlope": 1,
                "RescaleIntercept": -1024,
                "WindowCenter": 0,
                "WindowWidth": 2048,
            },
            [0, 128, 255, 255],
        ),
        ({"RescaleSlope": 2, "RescaleIntercept": -1000}, [0, 64, 128, 255]),
    ],
)
def test_grey_values_are_displayed_as_the_file_says(tmp_path, tags, expected):
    assert grey(write_dicom(tmp_path / "a.dcm", **tags)) == expected


def test_bits_that_are_used_may_be_fewer_than_stored(tmp_path):
    path = write_dicom(tmp_path / "a.dcm", BitsStored=16, HighBit=15)
    assert max(grey(path)) < 17
    assert grey(path, bit_depth=12) == [0, 64, 128, 255]


def test_colour_is_kept(tmp_path):
    values = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    path = write_dicom(tmp_path / "a.dcm", values)
    np.testing.assert_array_equal(read_image(path, 3), values)
    require_grey(write_dicom(tmp_path / "b.dcm"))


FILM = np.repeat(RAMP, 3, axis=0) // np.array([1, 2, 4], np.uint16)[:, None]


def write_film(path, **tags):
    """RAMP, half of it, and a quarter."""
    return write_dicom(path, FILM, Rows=1, NumberOfFrames=3, **tags)


def test_a_film_is_a_fault(tmp_path):
    path = write_film(tmp_path / "a.dcm")
    with pytest.raises(DataError, match=r"holds 3 images: name one with data\.frame"):
        read_image(path, 1)


@pytest.mark.parametrize(("frame", "white"), [("first", 255), ("2", 127), ("last", 64)])
def test_a_frame_is_chosen(tmp_path, frame, white):
    assert grey(write_film(tmp_path / "a.dcm"), frame=frame)[-1] == white


def test_an_enhanced_file_has_a_window_for_each_frame(tmp_path):
    """PS3.3 C.7.6.16: what all frames share comes first, what one says of itself overrides it."""

    def group(**tags):
        window, groups = Dataset(), Dataset()
        window.update(tags)
        groups.FrameVOILUTSequence = [window]
        return groups

    shared = [group(WindowCenter=2048, WindowWidth=4096)]
    each = [Dataset(), group(WindowCenter=1024, WindowWidth=2048), Dataset()]
    path = write_film(
        tmp_path / "a.dcm",
        SharedFunctionalGroupsSequence=shared,
        PerFrameFunctionalGroupsSequence=each,
    )
    assert grey(path, frame="1") == [0, 64, 128, 255]
    assert grey(path, frame="2") == [0, 64, 128, 255]
    assert grey(path, frame="3") == [0, 16, 32, 64]


def test_a_compression_that_nothing_decodes_is_named_with_its_decoders(tmp_path):
    path = write_dicom(tmp_path / "a.dcm", syntax=JPEGLSLossless)
    with pytest.raises(DataError, match=r"(?i)a\.dcm cannot be decoded.*JPEG-LS.*pyjpegls"):
        read_image(path, 1)


@pytest.mark.parametrize("content", [b"", b"not DICOM", b"\0" * 128 + b"DICM" + b"\x08\0"])
def test_damaged_files_are_named(tmp_path, content):
    (tmp_path / "a.dcm").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.dcm"):
        read_image(tmp_path / "a.dcm", 1)


def test_patients_are_told_apart_and_not_named(tmp_path):
    told = {"PatientID": "4711", "PatientName": "Doe^Jane", "PatientSex": "F"}
    one, two, other, nobody = (
        dicom.describe(write_dicom(tmp_path / f"{i}.dcm", **tags))
        for i, tags in enumerate(
            (
                {**told, "PatientAge": "045Y", "ViewPosition": "PA"},
                {**told, "PatientAge": "093Y"},
                {**told, "PatientID": "4712", "PatientAge": "011M"},
                {},
            )
        )
    )
    assert one.group == two.group != other.group
    assert nobody.group == ""
    assert one.subgroups == {"sex": "f", "view": "pa", "body_part": "unknown", "age": "45"}
    assert (two.subgroups["age"], other.subgroups["age"]) == ("over 89", "0")
    assert not any(word in str((one, two, other)) for word in ("4711", "4712", "Doe", "Jane"))


def test_without_pydicom_the_extra_is_named(tmp_path, monkeypatch):
    path = write_dicom(tmp_path / "a.dcm")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    assert find_images(tmp_path) == [path]
    with pytest.raises(DataError, match=r"a\.dcm is DICOM.*dermgan-jax\[dicom\]"):
        read_image(path, 1)


def test_a_folder_of_dicom_files_is_grouped_by_patient(tmp_path, make_config, capsys):
    for name, patient in (("a", "1"), ("b", "1"), ("c", "2"), ("d", "")):
        write_dicom(tmp_path / f"{name}.dcm", PatientID=patient, PatientSex="M")
    records = image_folder.load(make_config("image_folder", tmp_path).data).records
    groups = [record.group for record in records]
    assert groups[0] == groups[1]
    assert len(set(groups)) == 3
    assert groups[3] == "d.dcm"
    assert {record.subgroups["sex"] for record in records} == {"m"}
    assert "3 of 4 DICOM files are grouped by the patient" in capsys.readouterr().err


def test_groups_of_a_table_come_before_those_of_dicom_files(tmp_path, make_config):
    for name in ("a", "b"):
        write_dicom(tmp_path / f"{name}.dcm", PatientID="1", PatientAge="050Y")
    (tmp_path / "data.csv").write_text("path,group,age\na.dcm,x,51\nb.dcm,y,52\n")
    config = make_config("image_folder", tmp_path, csv="data.csv")
    records = image_folder.load(config.data).records
    assert [(record.group, record.subgroups["age"]) for record in records] == [
        ("x", "51"),
        ("y", "52"),
    ]


def test_a_pattern_comes_before_the_patients_of_dicom_files(tmp_path, make_config):
    for name in ("a", "b"):
        write_dicom(tmp_path / f"{name}.dcm", PatientID="1")
    config = make_config("image_folder", tmp_path, group_pattern=".+")
    records = image_folder.load(config.data).records
    assert [record.group for record in records] == ["a.dcm", "b.dcm"]


def test_a_damaged_dicom_file_is_a_fault_of_the_listing(tmp_path, make_config):
    write_dicom(tmp_path / "a.dcm")
    (tmp_path / "b.dcm").write_bytes(b"not DICOM")
    with pytest.raises(DataError, match=r"b\.dcm is not DICOM"):
        image_folder.load(make_config("image_folder", tmp_path).data)
