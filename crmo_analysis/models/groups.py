"""Patients who belong together: of a centre, or rows of a patient."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

FEW_GROUPS = 40  # below, errors of groups come out too small (Cameron and Miller 2015, section VI)


def said_of_groups(count: int) -> str:
    """Say how errors of groups are made."""
    few = ", too small with so few" if count < FEW_GROUPS else ""
    return f"standard error by {count} groups{few}, t with {count - 1} df"


def codes_of(groups: Sequence) -> np.ndarray:
    """Return the number of each one's group, labels sorted as text; nan where there is none."""
    labels = pd.Series(groups).reset_index(drop=True)
    codes = pd.factorize(labels.map(str, na_action="ignore"), sort=True)[0]
    return np.where(codes < 0, np.nan, codes)


def without_means(rows: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return each row without the means of its groups."""
    means = [np.bincount(groups, row) / np.maximum(np.bincount(groups), 1) for row in rows]
    return rows - np.array(means)[:, groups]


def limit_of_permutations(rows: np.ndarray, moved: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the covariances of sums of products of rows with what is permuted within groups."""
    sizes, left = np.bincount(groups), without_means(moved[None], groups)[0]
    spreads = np.bincount(groups, left**2) / np.maximum(sizes - 1, 1)
    apart = without_means(rows, groups)
    return (apart * spreads[groups]) @ apart.T
