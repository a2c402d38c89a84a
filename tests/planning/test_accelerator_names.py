"""Names of accelerators, and what a wrong one gets."""

import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.planning.accelerators import CHIPS, parse
from dermgan_jax.planning.roofline import bound


@pytest.mark.parametrize(
    ("text", "name", "devices", "hosts"),
    [
        ("v5e:2x2", "v5e:2x2", 4, 1),
        ("V5E", "v5e:1x1", 1, 1),
        ("v5e:16x16", "v5e:16x16", 256, 64),
        ("v4:2x2x4", "v4:2x2x4", 32, 4),
        ("v6e:4x4", "v6e:4x4", 16, 4),
        ("h100", "h100", 1, 1),
        ("a100:16", "a100:16", 16, 2),
        ("cpu", "cpu", 1, 1),
    ],
)
def test_devices_and_hosts(text, name, devices, hosts):
    found = parse(text)
    assert (str(found), found.num_devices, found.num_hosts) == (name, devices, hosts)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("v5x", "unknown accelerator 'v5x'; did you mean 'v5"),
        ("tpu", "unknown accelerator 'tpu'"),
        ("v5e:2", "'2' is no size of v5e; such as v5e:2x2"),
        ("v4:2x2", "'2x2' is no size of v4; such as v4:2x2x2"),
        ("v5e:3x3", "there is no such slice"),
        ("v5e:0x2", "'0x2' is no size"),
        ("h100:2x2", "'2x2' is no size of h100; such as h100:8"),
        ("h100:", "'' is no size of h100"),
        ("cpu:2", "cpu is this machine"),
    ],
)
def test_what_is_no_accelerator_is_one_sentence(text, message):
    with pytest.raises(UserError, match=message):
        parse(text)


def test_every_chip_has_peaks_for_every_precision():
    for chip in CHIPS.values():
        assert set(chip.flops) == {"float32", "bfloat16"}
        assert min(chip.memory, chip.bandwidth, chip.link, chip.launch) > 0


def test_the_bound_is_what_takes_longest():
    """By hand: 197 TFLOP/s, 819 GB/s and 200 GB/s of a v5e."""
    alone = bound(parse("v5e"), "float32", 197e12, 819e8, 10, 1.0, gradients=1e9)
    assert (alone.limit, alone.seconds, alone.peak_share) == ("compute", 1.0, 1.0)
    slow = bound(parse("v5e:2x2"), "float32", 197e11, 819e9, 10, 1.0, gradients=2e11)
    assert slow.collectives == pytest.approx(2 * 3 / 4 * 1.0)
    assert (slow.limit, slow.seconds) == ("collectives", pytest.approx(2.5))
    assert slow.peak_share == pytest.approx(0.1 / 2.5)
    many = bound(parse("h100"), "float32", 1e9, 1e6, 1000, 0.003, gradients=1e9)
    assert (many.limit, many.collectives) == ("launches", 0.0)
