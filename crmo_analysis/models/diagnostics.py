"""What a model rests on."""

import numpy as np
import pandas as pd
from statsmodels.regression.linear_model import OLS


def linear_fit(
    x: pd.Series, y: pd.Series, confidence: float = 0.95, points: int = 50, share: float = 1
) -> pd.DataFrame:
    """Fit a straight line by least squares, with a pointwise interval of its mean (HC3, t quantiles).

    Parameters
    ----------
    x, y : Series of numbers
        Rows where either is missing are left out.
    confidence : float
    points : int
        So many values of x, from the smallest to the largest.
    share : float
        Of patients, between whose values of x the line is drawn: below 1, it ends at no single patient's
        value.

    Returns
    -------
    DataFrame
        `x, fit, low, high`; empty where fewer than four patients or one value of x leave nothing to fit;
        without an interval where one patient alone has another x than all others.

    References
    ----------
    MacKinnon JG, White H. J Econom 1985;29:305-325.
    """
    known = (x.notna() & y.notna()).to_numpy()
    x, y = x[known].to_numpy(dtype=float), y[known].to_numpy(dtype=float)
    if len(x) < 4 or np.ptp(x) == 0:
        return pd.DataFrame(columns=["x", "fit", "low", "high"])
    found = OLS(y, np.column_stack([np.ones_like(x), x])).fit(cov_type="HC3", use_t=True)
    at = np.linspace(*np.quantile(x, [0.5 - share / 2, 0.5 + share / 2]), points)
    band = found.get_prediction(np.column_stack([np.ones(points), at])).summary_frame(1 - confidence)
    band = band[["mean", "mean_ci_lower", "mean_ci_upper"]].set_axis(["fit", "low", "high"], axis=1)
    band.insert(0, "x", at)
    if found.get_influence().hat_matrix_diag.max() > 1 - 1e-9:
        band[["low", "high"]] = np.nan
    return band
