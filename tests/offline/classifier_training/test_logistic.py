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


def test_what_no_sample_has_weighs_nothing() -> None:
    counted = sparse.csr_matrix(np.array([[0, 2, 0, 0], [0, 0, 0, 1]]))
    found = fit_logistic(
        np.zeros((2, 1), np.float32), counted, np.array([1, 0]), np.ones(2), 2.0, least_gain=0.0
    )
    assert found.sparse_weights[1] > 0 > found.sparse_weights[3]
    assert found.sparse_weights.shape == (4,)
    assert not found.sparse_weights[[0, 2]].any()


def test_there_may_be_nothing_to_count() -> None:
    dense = np.array([[1.0], [-1.0]], np.float32)
    found = fit_logistic(dense, sparse.csr_matrix((2, 0)), np.array([1, 0]), np.ones(2), 2.0)
    assert found.dense_weights[0] > 0
    assert found.sparse_weights.shape == (0,)
