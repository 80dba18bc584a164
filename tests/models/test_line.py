"""The line of a scatter and its band: least squares with HC3, by hand and where it cannot be."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crmo_analysis.models.diagnostics import linear_fit

X = pd.Series([1, 2, 3, 4, 6, 9, 12.0])
Y = pd.Series([2, 1, 4, 3, 7, 8, 9.0])


def test_the_band_is_that_of_hc3_by_hand():
    """MacKinnon and White 1985: the sandwich of X'X with residuals over one minus leverage, squared.

    T with n - 2 df.
    """
    design = np.column_stack([np.ones(len(X)), X])
    bread = np.linalg.inv(design.T @ design)
    beta = bread @ design.T @ Y
    leverage = np.einsum("ij,jk,ik->i", design, bread, design)
    meat = design.T @ np.diag(((Y - design @ beta) / (1 - leverage)) ** 2) @ design
    covariance = bread @ meat @ bread
    band = linear_fit(X, Y)
    at = np.column_stack([np.ones(len(band)), band["x"]])
    half = stats.t.ppf(0.975, len(X) - 2) * np.sqrt(np.einsum("ij,jk,ik->i", at, covariance, at))
    np.testing.assert_allclose(band["fit"], at @ beta, rtol=1e-12)
    np.testing.assert_allclose(band["high"] - band["fit"], half, rtol=1e-10)
    assert band["x"].iloc[[0, -1]].tolist() == [1, 12]


def test_a_share_ends_the_line_inside():
    assert linear_fit(X, Y, share=0.5)["x"].iloc[[0, -1]].tolist() == pytest.approx([2.5, 7.5])


def test_nothing_is_drawn_where_nothing_can_be_fitted():
    assert linear_fit(X[:3], Y[:3]).empty
    assert linear_fit(pd.Series([1.0] * 5), Y[:5]).empty
    alone = linear_fit(pd.Series([1.0, 1, 1, 1, 5]), Y[:5])
    assert alone["fit"].notna().all()
    assert alone["low"].isna().all()
