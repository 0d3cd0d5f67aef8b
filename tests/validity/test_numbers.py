import numpy as np
import pytest

from gschnet_pyg.validity.numbers import numbers_of


def test_numbers_are_described_by_moments_quantiles_and_bins():
    described = numbers_of(np.array([0.0, 0.1, 0.2, 0.3, 0.4]), 0.2)
    assert described.n == 5
    assert described.mean == pytest.approx(0.2)
    assert described.deviation == pytest.approx(np.sqrt(0.025))  # that of a sample: divided by n - 1
    assert described.quantiles == pytest.approx((0.02, 0.1, 0.2, 0.3, 0.38))
    assert described.histogram == {"0.0": 2, "0.2": 2, "0.4": 1}
    assert described.bin_width == 0.2


def test_a_value_on_an_edge_belongs_above_it_whatever_the_rounding():
    # 0.15 / 0.05 and 0.35 / 0.05 are below 3 and 7 in floating point
    assert numbers_of([0.15, 0.35, 1.0], 0.05).histogram == {"0.15": 1, "0.35": 1, "1.00": 1}


def test_bins_below_zero_and_of_whole_numbers():
    assert numbers_of([-0.2, -1.0, 0.0, 12.0], 1.0).histogram == {"-1": 2, "0": 1, "12": 1}


def test_a_single_number_has_no_deviation_and_none_have_no_description():
    one = numbers_of([3.0], 0.5)
    assert (one.mean, one.deviation, one.quantiles) == (3.0, None, (3.0,) * 5)
    assert numbers_of(np.array([]), 0.5) is None
    assert numbers_of([], 0.5) is None


@pytest.mark.parametrize(("values", "width", "message"), [([np.nan], 1.0, "finite"), ([1.0], 0.0, "bin_width")])
def test_what_cannot_be_described_is_refused(values, width, message):
    with pytest.raises(ValueError, match=message):
        numbers_of(values, width)
