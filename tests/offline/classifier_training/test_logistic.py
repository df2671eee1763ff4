import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from lethe.offline.classifier_training.logistic import fit_logistic


def test_it_finds_what_scikit_learn_finds_on_both_blocks_side_by_side() -> None:
    draw = np.random.default_rng(0)
    dense = draw.normal(size=(400, 6)).astype(np.float32)
    counted = sparse.csr_matrix(draw.poisson(0.2, (400, 30)))
    labels = (dense[:, 0] + np.asarray(counted.sum(axis=1)).ravel() + draw.normal(size=400) > 3.5).astype(int)
    weights = draw.uniform(0.5, 2, 400)
    found = fit_logistic(dense, sparse.csr_matrix(counted), labels, weights, 2.0)
    balance = np.where(labels == 1, 200 / weights[labels == 1].sum(), 200 / weights[labels == 0].sum())
    expected = LogisticRegression(C=2.0, tol=1e-8, max_iter=5000).fit(
        np.hstack([dense, counted.toarray()]), labels, sample_weight=weights * balance
    )
    np.testing.assert_allclose(
        np.concatenate([found.dense_weights, found.sparse_weights]), expected.coef_[0], atol=0.02
    )
    assert abs(found.bias - expected.intercept_[0]) < 0.02
