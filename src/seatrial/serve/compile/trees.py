"""Forests and histogram gradient boosting as one ONNX node each, written array by array.

skl2onnx writes trees node by node, which takes a second for a forest of 100; it forgets where missing values go, and
rounds the float64 thresholds of histogram gradient boosting, or fails on it. The rules are scikit-learn's:

- a forest rounds its input to float32 and compares it with float64 thresholds; x ≤ t for a float32 x is x ≤ t', where
  t' is the largest float32 not above t;
- histogram gradient boosting compares in float64, and so does the node;
- a missing value goes where the node says.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seatrial.serve.loaders.packages import require

Estimator = Any
"""A fitted forest."""

Scope = Any
"""skl2onnx's names of variables."""

Operator = Any
"""skl2onnx's view of one estimator in a pipeline: it, its inputs and its outputs."""

Container = Any
"""Where skl2onnx collects the nodes of the graph."""

Graph = Any
"""A message of onnx."""

Converter = Callable[[Scope, Operator, Container], None]

EXTRA: Final = "seatrial[onnx]"
DOMAIN: Final = "ai.onnx.ml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """All nodes of an ensemble, one after the other.

    Attributes:
        sizes: how many nodes each tree has.
        features: which column each node looks at.
        thresholds: up to which value it goes left.
        left, right: positions of its children in its tree.
        leaves: whether it has none.
        missing_left: whether missing values go left.
        leaf_targets: of each leaf and value in turn, the output that it adds to.
        leaf_weights: what it adds, (leaves, values of a leaf).
    """

    sizes: Sequence[int]
    features: NDArray[np.int64]
    thresholds: NDArray[Any]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    leaves: NDArray[np.bool_]
    missing_left: NDArray[np.bool_]
    leaf_targets: NDArray[np.int64]
    leaf_weights: NDArray[Any]

    @property
    def tree_ids(self) -> NDArray[np.int64]:
        """The tree of each node."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @property
    def node_ids(self) -> NDArray[np.int64]:
        """The position of each node in its tree."""
        return np.concatenate([np.arange(size) for size in self.sizes])


def converters() -> Mapping[type, Converter]:
    """The converters by class of estimator, as skl2onnx takes them."""
    from sklearn import ensemble, tree  # noqa: PLC0415 - only the compiler needs it

    return {
        tree.DecisionTreeRegressor: _forest,
        tree.DecisionTreeClassifier: _forest,
        tree.ExtraTreeRegressor: _forest,
        tree.ExtraTreeClassifier: _forest,
        ensemble.RandomForestRegressor: _forest,
        ensemble.RandomForestClassifier: _forest,
        ensemble.ExtraTreesRegressor: _forest,
        ensemble.ExtraTreesClassifier: _forest,
        ensemble.HistGradientBoostingRegressor: _histogram,
        ensemble.HistGradientBoostingClassifier: _histogram,
    }


def forest_trees(estimator: Estimator) -> Trees:
    """The nodes of a forest, or of a tree alone, with one output a class or several outputs of a regressor."""
    trees = [each.tree_ for each in getattr(estimator, "estimators_", [estimator])]
    leaves = np.concatenate([tree.children_left < 0 for tree in trees])
    values = np.concatenate([tree.value for tree in trees])[leaves] / len(trees)
    weights = values[:, :, 0]
    if hasattr(estimator, "classes_"):
        shares = values[:, 0, :]
        weights = shares[:, 1:] if shares.shape[1] == 2 else shares  # noqa: PLR2004 - of two classes one is enough
    return Trees(
        sizes=[tree.node_count for tree in trees],
        features=np.where(leaves, 0, np.concatenate([tree.feature for tree in trees])),
        thresholds=np.where(leaves, 0, not_above(np.concatenate([tree.threshold for tree in trees]))),
        left=np.where(leaves, 0, np.concatenate([tree.children_left for tree in trees])),
        right=np.where(leaves, 0, np.concatenate([tree.children_right for tree in trees])),
        leaves=leaves,
        missing_left=np.concatenate([tree.missing_go_to_left for tree in trees]).astype(bool) & ~leaves,
        leaf_targets=np.tile(np.arange(weights.shape[1]), len(weights)),
        leaf_weights=weights.astype(np.float32),
    )


def histogram_trees(estimator: Estimator) -> Trees:
    """The nodes of histogram gradient boosting.

    Raises:
        NotImplementedError: it splits by categories, which one threshold can't say.
    """
    if getattr(estimator, "is_categorical_", None) is not None:
        msg = "trees that split by categories have no ONNX form"
        raise NotImplementedError(msg)
    trees = [(target, tree.nodes) for each in estimator._predictors for target, tree in enumerate(each)]  # noqa: SLF001
    nodes = np.concatenate([each for _, each in trees])
    leaves = nodes["is_leaf"].astype(bool)
    targets = np.repeat([target for target, _ in trees], [len(each) for _, each in trees])
    return Trees(
        sizes=[len(each) for _, each in trees],
        features=np.where(leaves, 0, nodes["feature_idx"]),
        thresholds=np.where(leaves, 0.0, nodes["num_threshold"]),
        left=np.where(leaves, 0, nodes["left"]).astype(np.int64),
        right=np.where(leaves, 0, nodes["right"]).astype(np.int64),
        leaves=leaves,
        missing_left=nodes["missing_go_to_left"].astype(bool) & ~leaves,
        leaf_targets=targets[leaves],
        leaf_weights=nodes["value"][leaves].reshape(-1, 1),
    )


def not_above(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 that is not above each threshold."""
    single = thresholds.astype(np.float32)
    return np.where(single > thresholds, np.nextafter(single, np.float32(-np.inf)), single)


def _forest(scope: Scope, operator: Operator, container: Container) -> None:
    estimator = operator.raw_operator
    if hasattr(estimator, "classes_") and estimator.n_outputs_ > 1:
        registration = require("skl2onnx.common._registration", install=EXTRA)
        registration.get_converter(operator.type)(scope, operator, container)
        return
    ensemble = Ensemble(trees=forest_trees(estimator), base=None, post_transform="NONE")
    _write(scope, operator, container, ensemble)


def _histogram(scope: Scope, operator: Operator, container: Container) -> None:
    estimator = operator.raw_operator
    base = np.ravel(np.asarray(estimator._baseline_prediction, dtype=np.float64))  # noqa: SLF001 - no public name
    if hasattr(estimator, "classes_"):
        ensemble = Ensemble(
            trees=histogram_trees(estimator), base=base, post_transform="LOGISTIC" if len(base) == 1 else "SOFTMAX"
        )
        _write(scope, operator, container, ensemble)
        return
    link = type(estimator._loss.link).__name__  # noqa: SLF001 - no public name
    if link not in {"IdentityLink", "LogLink"}:
        msg = f"the link {link} is not known"
        raise NotImplementedError(msg)
    ensemble = Ensemble(trees=histogram_trees(estimator), base=base, post_transform="NONE")
    _write(scope, operator, container, ensemble, then="Exp" if link == "LogLink" else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """What one node computes.

    Attributes:
        trees: whose leaves are added up.
        base: what is added to each output; None for nothing.
        post_transform: ONNX's name for what makes probabilities of the sums.
    """

    trees: Trees
    base: NDArray[np.float64] | None
    post_transform: str


def _write(scope: Scope, operator: Operator, container: Container, ensemble: Ensemble, *, then: str = "") -> None:
    """Adds the node, with casts to and from the types that the rest of the graph has; `then` is applied to its values."""
    proto = require("onnx", install=EXTRA).TensorProto
    double = ensemble.trees.thresholds.dtype == np.float64
    matrix = scope.get_unique_variable_name("matrix")
    _add(container, "Cast", [operator.inputs[0].full_name], [matrix], to=proto.DOUBLE if double else proto.FLOAT)
    values = operator.outputs[-1]
    raw, ready = scope.get_unique_variable_name("raw"), scope.get_unique_variable_name("ready")
    classes = getattr(operator.raw_operator, "classes_", None)
    attributes = _tree_attributes(ensemble)
    if classes is None:
        targets = {"n_targets": int(ensemble.trees.leaf_targets.max(initial=0)) + 1}
        _add_trees(
            container, "TreeEnsembleRegressor", matrix, [raw], {**attributes, **targets, **_leaves("target", ensemble)}
        )
    else:
        labels = _labels(classes)
        outputs = [operator.outputs[0].full_name, raw]
        _add_trees(
            container, "TreeEnsembleClassifier", matrix, outputs, {**attributes, **labels, **_leaves("class", ensemble)}
        )
    _add(container, then or "Identity", [raw], [ready])
    wanted = proto.DOUBLE if type(values.type).__name__ == "DoubleTensorType" else proto.FLOAT
    _add(container, "Cast", [ready], [values.full_name], to=wanted)


def _tree_attributes(ensemble: Ensemble) -> dict[str, Any]:
    trees = ensemble.trees
    modes = np.where(trees.leaves, b"LEAF", b"BRANCH_LEQ")
    attributes: dict[str, Any] = {
        "post_transform": ensemble.post_transform,
        "nodes_treeids": trees.tree_ids,
        "nodes_nodeids": trees.node_ids,
        "nodes_featureids": trees.features,
        "nodes_modes": modes,
        "nodes_truenodeids": trees.left,
        "nodes_falsenodeids": trees.right,
        **_numbers("nodes_values", trees.thresholds),
    }
    if trees.missing_left.any():
        attributes["nodes_missing_value_tracks_true"] = trees.missing_left.astype(np.int64)
    if ensemble.base is not None:
        attributes.update(_numbers("base_values", ensemble.base))
    return attributes


def _leaves(kind: str, ensemble: Ensemble) -> dict[str, Any]:
    """The attributes that say what leaves add to which output."""
    trees = ensemble.trees
    each = trees.leaf_weights.shape[1]
    return {
        f"{kind}_treeids": np.repeat(trees.tree_ids[trees.leaves], each),
        f"{kind}_nodeids": np.repeat(trees.node_ids[trees.leaves], each),
        f"{kind}_ids": trees.leaf_targets,
        **_numbers(f"{kind}_weights", trees.leaf_weights.ravel()),
    }


def _numbers(name: str, values: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """ONNX has float32 attributes under one name, and tensors of float64 under another."""
    return {f"{name}_as_tensor" if values.dtype == np.float64 else name: values}


def _labels(classes: NDArray[Any]) -> dict[str, NDArray[Any]]:
    if classes.dtype.kind in "iubf" and np.array_equal(classes, classes.astype(np.int64)):
        return {"classlabels_int64s": classes.astype(np.int64)}
    if all(isinstance(each, str) for each in classes):
        return {"classlabels_strings": np.array([each.encode() for each in classes], dtype=object)}
    msg = "only whole numbers and texts can be class labels"
    raise NotImplementedError(msg)


def _add_trees(
    container: Container, kind: str, matrix: str, outputs: Sequence[str], attributes: Mapping[str, Any]
) -> None:
    """Adds the node first and its long attributes afterwards, past onnx's check of every single number."""
    container.add_node(kind, [matrix], list(outputs), op_domain=DOMAIN, op_version=3)
    container.nodes[-1].attribute.extend(_attribute(name, value) for name, value in attributes.items())


def _attribute(name: str, value: str | int | NDArray[Any]) -> Graph:
    onnx = require("onnx", install=EXTRA)
    if not isinstance(value, np.ndarray):
        return onnx.helper.make_attribute(name, value)
    if name.endswith("_as_tensor"):
        return onnx.helper.make_attribute(name, onnx.numpy_helper.from_array(value, name))
    proto = onnx.AttributeProto(name=name)
    if value.dtype.kind in "iu":
        proto.type = onnx.AttributeProto.INTS
        proto.ints.extend(value.tolist())
    elif value.dtype.kind == "f":
        proto.type = onnx.AttributeProto.FLOATS
        proto.floats.extend(value.tolist())
    else:
        proto.type = onnx.AttributeProto.STRINGS
        proto.strings.extend(value.tolist())
    return proto


def _add(container: Container, kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: int) -> None:
    container.add_node(kind, list(inputs), list(outputs), **attributes)
