"""Writes ``elimination.py``: the thermal network's linear solve, unrolled for its fixed structure.

The matrix of a backward Euler step has the same zeros for every machine, so the order of elimination and the few
entries that fill in are found once, here, and written out as straight-line code. ``python -m
spacegrey.simulation.kernel.generate`` writes the file; a test checks that it is up to date and that it agrees with a
dense solve.
"""

from __future__ import annotations

from pathlib import Path

from spacegrey.simulation.kernel.network import LINKS, NODES, STREAM, TO_AMBIENT, follows_flow

HEAD = '''"""Written by generate.py: do not edit. Straight-line factors and solve of the thermal network."""

# ruff: noqa
# fmt: off

from __future__ import annotations

from typing import TYPE_CHECKING

from spacegrey.jit import law
from spacegrey.simulation.kernel import layout as at

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FACTOR_COUNT = {count}
'''


def entries() -> set[tuple[int, int]]:
    """Return the places of the matrix that are not zero, the diagonal left out: (row, column)."""
    index = {name: i for i, name in enumerate(NODES)}
    places: set[tuple[int, int]] = set()
    for a, b in LINKS.values():
        places |= {(index[a], index[b]), (index[b], index[a])}
    upstream, downstream = (index[name] for name in STREAM)
    return places | {(downstream, upstream)}


def elimination_order(places: set[tuple[int, int]]) -> list[int]:
    """Return the nodes in the order of least fill (minimum degree, ties by number)."""
    left, now, order = set(range(len(NODES))), set(places), list[int]()
    while left:
        node = min(left, key=lambda k: (sum(1 for i, j in now if k in (i, j)), k))
        rows = {i for i, j in now if j == node} & left
        columns = {j for i, j in now if i == node} & left
        now |= {(i, j) for i in rows for j in columns if i != j}
        now = {(i, j) for i, j in now if node not in (i, j)}
        left.remove(node)
        order.append(node)
    return order


def source() -> str:
    """Return the text of ``elimination.py``."""
    places = entries()
    order = elimination_order(places)
    lines = [
        "",
        "",
        "@law",
        "def factor(m: NDArray[np.float64], lane: int, w: int, ratio: float) -> None:",
        '    """Put the factors of the matrix at a convection ratio into a lane; the matrix is A in A T_new = b."""',
        *_conductances(),
    ]
    steps = list[str]()
    forward: dict[int, list[tuple[int, int]]] = {k: [] for k in order}  # for each node: factors and what they multiply
    backward: dict[int, list[tuple[int, int]]] = {k: [] for k in order}
    scales = dict[int, int]()
    filled, kept = set(places), 0
    for k in order:
        later = order[order.index(k) + 1 :]
        rows = [i for i in later if (i, k) in filled]
        columns = [j for j in later if (k, j) in filled]
        steps.append(f"    r{k} = 1.0 / a{k}_{k}")
        steps.append(f"    m[(at.FACTORS + {kept}) * w + lane] = r{k}")
        scales[k] = kept
        kept += 1
        for i in rows:
            steps.append(f"    e{i}_{k} = a{i}_{k} * r{k}")
            steps.append(f"    m[(at.FACTORS + {kept}) * w + lane] = e{i}_{k}")
            forward[i].append((kept, k))
            kept += 1
        for j in columns:
            steps.append(f"    m[(at.FACTORS + {kept}) * w + lane] = a{k}_{j} * r{k}")
            backward[k].append((kept, j))
            kept += 1
        for i in rows:
            for j in columns:
                known = i == j or (i, j) in filled
                filled.add((i, j))
                steps.append(f"    a{i}_{j} {'-=' if known else '= -'} e{i}_{k} * a{k}_{j}")
    names = [f"x{i}" for i in range(len(NODES))]
    arguments, kinds = ", ".join(f"{name}: float" for name in names), ", ".join("float" for _ in names)
    lines += steps
    lines += [
        "", "",
        "@law",
        f"def solve(m: NDArray[np.float64], lane: int, w: int, {arguments}) -> tuple[{kinds}]:",
        '    """Return the temperatures that solve A T = x with the factors of a lane."""',
        *_substitution(order, forward, backward, scales),
        f"    return {', '.join(names)}",
        "",
    ]  # fmt: skip
    return HEAD.format(count=kept) + "\n".join(lines)


def _substitution(
    order: list[int],
    forward: dict[int, list[tuple[int, int]]],
    backward: dict[int, list[tuple[int, int]]],
    scales: dict[int, int],
) -> list[str]:
    """Return the lines of the two substitutions; what is known first is subtracted first, as the rest has to wait."""
    lines, depth = list[str](), dict.fromkeys(order, 0)

    def subtract(k: int, start: str, terms: list[tuple[int, int]]) -> None:
        for factor, j in sorted(terms, key=lambda term: depth[term[1]]):
            start += f" - m[(at.FACTORS + {factor}) * w + lane] * x{j}"
            depth[k] = max(depth[k], depth[j]) + 1
        lines.append(f"    x{k} = {start}")

    for k in order:
        if forward[k]:
            subtract(k, f"x{k}", forward[k])
    for k in reversed(order):
        depth[k] += 1
        subtract(k, f"x{k} * m[(at.FACTORS + {scales[k]}) * w + lane]", backward[k])
    return lines


def _conductances() -> list[str]:
    index = {name: i for i, name in enumerate(NODES)}
    lines: list[str] = []
    diagonal = {i: [f"m[(at.CAPACITY + {i}) * w + lane]"] for i in range(len(NODES))}
    for number, (link, (a, b)) in enumerate(LINKS.items()):
        lines.append(f"    g{number} = m[(at.LINK + {number}) * w + lane]" + (" * ratio" if follows_flow(link) else ""))
        i, j = index[a], index[b]
        diagonal[i].append(f"g{number}")
        diagonal[j].append(f"g{number}")
        lines.append(f"    a{i}_{j} = -g{number}")
        lines.append(f"    a{j}_{i} = -g{number}")
    for number, node in enumerate(TO_AMBIENT.values(), start=len(LINKS)):
        lines.append(f"    g{number} = m[(at.LINK + {number}) * w + lane]")
        diagonal[index[node]].append(f"g{number}")
    upstream, downstream = (index[name] for name in STREAM)
    lines.append("    stream = m[at.AIR_W_PER_K * w + lane]")
    diagonal[upstream].append("stream")
    diagonal[downstream].append("stream")
    lines.append(f"    a{downstream}_{upstream} = -stream")
    lines += [f"    a{i}_{i} = {' + '.join(terms)}" for i, terms in diagonal.items()]
    return lines


if __name__ == "__main__":
    Path(__file__).with_name("elimination.py").write_text(source(), encoding="utf-8")
