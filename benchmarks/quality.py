"""How good are the classes?  Train, predict and score through the command line, beside baselines that need no learning.

    python benchmarks/quality.py [STACK ...] [--seeds 0 1 2] [--seconds 240] [--recipes neighbour-forecast]
                                 [--classes 20] [--out quality.jsonl] [--no-baselines]

STACK is ``phantom-sstem``, ``phantom-fibsem``, the name of a stack in ../shared/data, or a path to a stack that has
its labels beside it as ``NAME_labels.*``. Every row of the result is one JSON line; rows that are there already are
not made again, so an interrupted benchmark goes on where it was. The table at the end shows mean and standard
deviation over seeds. Figures are those of ``em-autoclass score`` on the full voxel grid.

Baselines, on pixels binned as the recipe bins them: k-means on the grey value, k-means on scikit-image's
``multiscale_basic_features``, and a random forest *trained on the labels* of the first half of the sections.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_em_autoclass.core.working import bin_factors
from napari_em_autoclass.io import open_volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

Row = dict[str, Any]
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FIGURES = ("merged_miou", "info_share", "v_measure", "classes_used", "seconds", "peak_mb")


def main() -> None:
    """Make the missing rows and print the table."""
    args = _arguments()
    rows = [json.loads(line) for line in args.out.read_text().splitlines()] if args.out.exists() else []
    with tempfile.TemporaryDirectory() as folder:
        for stack in args.stacks:
            volume, labels = _files(stack, Path(folder))
            for key in _jobs(args, stack):
                if any(all(row.get(name) == value for name, value in key.items()) for row in rows):
                    continue
                row = {**key, **_measure(key, volume, labels)}
                rows.append(row)
                print(json.dumps(row), flush=True)
                with args.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
    _print_table(rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stacks", nargs="*", default=["phantom-sstem", "phantom-fibsem"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--seconds", type=float, nargs="+", default=[240.0])
    parser.add_argument("--recipes", nargs="+", default=["neighbour-forecast"])
    parser.add_argument("--classes", type=int, nargs="+", default=[20])
    parser.add_argument("--set", dest="assignments", action="append", default=[], help="passed on to train")
    parser.add_argument("--no-baselines", dest="baselines", action="store_false")
    parser.add_argument("--out", type=Path, default=Path("quality.jsonl"))
    return parser.parse_args()


def _jobs(args: argparse.Namespace, stack: str) -> list[Row]:
    jobs: list[Row] = []
    for classes in args.classes:
        if args.baselines:
            names = [f"baseline {name}" for name in _BASELINES]
            jobs += [{"stack": stack, "recipe": name, "classes": classes, "seed": 0} for name in names]
        for seconds, recipe, seed in product(args.seconds, args.recipes, args.seeds):
            key = {"stack": stack, "recipe": recipe, "classes": classes, "seed": seed}
            jobs.append({**key, "budget_s": seconds, "set": args.assignments})
    return jobs


def _files(stack: str, folder: Path) -> tuple[Path, Path]:
    """Return the paths of a stack and of its labels."""
    if stack.startswith("phantom-"):
        path = folder / f"{stack}.ome.tif"
        if not path.exists():
            _run("phantom", path, "--mode", stack.removeprefix("phantom-"))
        return path, folder / f"{stack}_labels.ome.tif"
    path = DATA / f"{stack}.ome.tif" if (DATA / f"{stack}.ome.tif").exists() else Path(stack)
    stem = path.name.split(".")[0]
    labels = sorted(path.parent.glob(f"{stem}_labels.*"))
    if not path.exists() or not labels:
        raise SystemExit(f"{stack}: no such stack, or no {stem}_labels.* beside it")
    return path, labels[0]


def _run(*words: object) -> tuple[str, float]:
    """Run the command line; return what it printed, and its peak memory in MB."""
    command = [sys.executable, "-m", "napari_em_autoclass", *map(str, words)]
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(command, stdout=printed, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        complaint = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)}: {complaint.strip()}")
        printed.seek(0)
        return printed.read(), usage.ru_maxrss / 1024


def _measure(key: Row, volume: Path, labels: Path) -> Row:
    name = key["recipe"].removeprefix("baseline ")
    if name != key["recipe"]:
        # In a process of its own: a process forked from a large one counts as large too, and peaks would be wrong.
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            return pool.submit(_baseline, name, key["classes"], volume, labels).result()
    with tempfile.TemporaryDirectory() as folder:
        run, out = Path(folder) / "run", Path(folder) / "classes.ome.zarr"
        wishes = ["--recipe", name, "--classes", key["classes"], "--seed", key["seed"]]
        wishes += [] if name == "filters" else ["--seconds", key["budget_s"]]
        wishes += [word for assignment in key["set"] for word in ("--set", assignment)]
        start = time.perf_counter()
        _, peak_train = _run("train", volume, "--out", run, *wishes)
        seconds = time.perf_counter() - start
        _, peak_predict = _run("predict", run, volume, "--out", out)
        log = (run / "log.jsonl").read_text().splitlines() if (run / "log.jsonl").exists() else []
        free = json.loads(_run("score", out, "--volume", volume, "--json")[0])
        return {
            **json.loads(_run("score", out, labels, "--json")[0]),
            "label_free": free,
            "seconds": round(seconds, 1),
            "steps": len(log),
            "peak_mb": round(max(peak_train, peak_predict)),
        }


# --- baselines -------------------------------------------------------------------------------------------------------


def _baseline(name: str, n_classes: int, path: Path, label_path: Path) -> Row:
    from napari_em_autoclass.core.scores.labelled import score_with_labels

    volume, truth = open_volume(path), open_volume(label_path)
    fy, fx = bin_factors(volume.voxel_size_nm, 8.0)
    raw = _binned(np.asarray(volume.data[:, :, :]).astype(np.float32), fy, fx)
    raw = (raw - raw.mean((1, 2), keepdims=True)) / raw.std((1, 2), keepdims=True)
    height, width = raw.shape[1] * fy, raw.shape[2] * fx
    labels = np.asarray(truth.data[:, :, :])[:, :height, :width]
    start = time.perf_counter()
    found = _BASELINES[name](raw, labels[:, fy // 2 :: fy, fx // 2 :: fx], n_classes)
    seconds = time.perf_counter() - start
    enlarged = found.repeat(fy, axis=1).repeat(fx, axis=2)
    return {**score_with_labels(enlarged, labels), "seconds": round(seconds, 1)}


def _binned(raw: NDArray[np.float32], fy: int, fx: int) -> NDArray[np.float32]:
    depth, height, width = raw.shape[0], raw.shape[1] // fy, raw.shape[2] // fx
    return np.asarray(raw[:, : height * fy, : width * fx].reshape(depth, height, fy, width, fx).mean((2, 4)))


def _intensity(raw: NDArray[np.float32], labels: NDArray[Any], n_classes: int) -> NDArray[np.uint8]:
    return _kmeans(raw[..., None], n_classes)


def _filters(raw: NDArray[np.float32], labels: NDArray[Any], n_classes: int) -> NDArray[np.uint8]:
    return _kmeans(_features(raw), n_classes)


def _features(raw: NDArray[np.float32]) -> NDArray[np.float32]:
    from skimage.feature import multiscale_basic_features

    return np.stack([multiscale_basic_features(s, sigma_min=1, sigma_max=8).astype(np.float32) for s in raw])


def _kmeans(table: NDArray[np.float32], n_classes: int) -> NDArray[np.uint8]:
    from sklearn.cluster import MiniBatchKMeans

    flat = table.reshape(-1, table.shape[-1])
    flat = (flat - flat.mean(0)) / (flat.std(0) + 1e-6)
    sample = flat[np.random.default_rng(0).choice(len(flat), min(200_000, len(flat)), replace=False)]
    model = MiniBatchKMeans(n_classes, batch_size=8192, n_init=3, random_state=0).fit(sample)
    return np.asarray((model.predict(flat).reshape(table.shape[:-1]) + 1).astype(np.uint8))


def _forest(raw: NDArray[np.float32], labels: NDArray[Any], n_classes: int) -> NDArray[np.uint8]:
    """Return classes that *are* structures: trained on the first half, and the truth itself there."""
    from sklearn.ensemble import RandomForestClassifier

    features, half = _features(raw), len(raw) // 2
    known = np.flatnonzero(labels[:half].ravel())
    known = np.random.default_rng(0).choice(known, min(60_000, len(known)), replace=False)
    model = RandomForestClassifier(60, max_depth=16, n_jobs=-1, random_state=0)
    model.fit(features[:half].reshape(-1, features.shape[-1])[known], labels[:half].ravel()[known])
    found = model.predict(features[half:].reshape(-1, features.shape[-1])).reshape(labels[half:].shape)
    return np.concatenate([labels[:half], found]).astype(np.uint8)


_BASELINES = {"intensity": _intensity, "filters": _filters, "forest": _forest}


# --- table -----------------------------------------------------------------------------------------------------------


def _print_table(rows: list[Row]) -> None:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        key = (row["stack"], row["recipe"], row["classes"], row.get("budget_s", ""), " ".join(row.get("set", [])))
        groups.setdefault(key, []).append(row)
    print(f"\n| stack | recipe | K | budget s | n | {' | '.join(FIGURES)} |\n|{'---|' * (5 + len(FIGURES))}")
    for (stack, recipe, classes, budget, changes), members in sorted(groups.items(), key=lambda item: str(item[0])):
        cells = [_mean(members, figure) for figure in FIGURES]
        print(f"| {stack} | {recipe} {changes} | {classes} | {budget} | {len(members)} | {' | '.join(cells)} |")


def _mean(rows: list[Row], figure: str) -> str:
    values = [row[figure] for row in rows if figure in row]
    if not values:
        return ""
    spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}"


if __name__ == "__main__":
    main()
