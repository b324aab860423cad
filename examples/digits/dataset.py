"""The digits and their split, apart from training: what is sent in a trial must never have been trained on.

The data are the 1797 digits bundled with scikit-learn, 8 x 8 pixels from 0 (paper) to 16 (ink): half of the test set of
E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 0


def split() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """The halves: training pixels, held-out pixels (n, 64), training labels, held-out labels (n,)."""
    pixels, labels = load_digits(return_X_y=True)
    train_pixels, test_pixels, train_labels, test_labels = train_test_split(
        pixels, labels, test_size=0.5, random_state=SEED, stratify=labels
    )
    return train_pixels, test_pixels, train_labels, test_labels
