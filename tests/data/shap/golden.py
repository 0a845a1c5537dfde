"""Makes golden.txt: a small forest that LightGBM has grown, and its contributions (pred_contrib) to some rows.

    python3 golden.py >golden.txt        LightGBM 4.7, NumPy

Features are whole numbers from 0 to 9 and gaps, so that bin x + 1 is the number x, and bin 0 a gap. The file has, all as
numbers: features, trees, leaves and rows; then for each tree its nodes (how many, then feature, the last bin that goes
left, whether gaps do, left and right child, of which leaves are -1 - leaf), and its leaves (value, rows); then for each
row its bins and its contributions, the last one what is expected.
"""
import lightgbm
import numpy as np

FEATURES, TREES, LEAVES, ROWS = 5, 4, 12, 12
random = np.random.default_rng(7)
x = random.integers(0, 10, (2000, FEATURES)).astype(float)
x[random.random(x.shape) < 0.1] = np.nan
filled = np.nan_to_num(x, nan=-3)
y = np.sin(filled[:, 0]) + filled[:, 1] * filled[:, 2] / 20 + (filled[:, 3] > 5) + random.normal(0, 0.3, len(x))
model = lightgbm.train(
    {"objective": "regression", "num_leaves": LEAVES, "learning_rate": 0.5, "verbose": -1, "num_threads": 1},
    lightgbm.Dataset(x, y), TREES)


def walk(node, nodes, leaves):
    if "leaf_index" in node:
        leaves[node["leaf_index"]] = (node["leaf_value"], node["leaf_count"])
        return -1 - node["leaf_index"]
    at = node["split_index"]
    left, right = (walk(node[side], nodes, leaves) for side in ("left_child", "right_child"))
    nodes[at] = (node["split_feature"], int(min(np.floor(node["threshold"]), 9)) + 1, int(node["default_left"]), left, right)
    return at


print(FEATURES, TREES, LEAVES, ROWS)
for tree in model.dump_model()["tree_info"]:
    nodes, leaves = {}, {}
    walk(tree["tree_structure"], nodes, leaves)
    print(len(nodes))
    for i in range(len(nodes)):
        print(*nodes[i])
    for i in range(len(leaves)):
        print(repr(leaves[i][0]), leaves[i][1])
for row, contributions in zip(x[:ROWS], model.predict(x[:ROWS], pred_contrib=True)):
    print(*(0 if np.isnan(v) else int(v) + 1 for v in row))
    print(*(repr(float(v)) for v in contributions))
