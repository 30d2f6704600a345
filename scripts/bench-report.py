#!/usr/bin/env python3
"""Makes of the runs of scripts/bench the tables in docs/performance.md and the plot beside it.

usage: scripts/bench-report.py [--back] RUNS.tsv [VERSION OF PGSEAL]
"""

import csv
import math
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from statistics import mean, median

DOCS = Path(__file__).resolve().parent.parent / "docs"
BACKUP, BACK = "bench", "bench back"  # what stands between two comments in the page

BASE, ONE_LINER, AGE, DEFAULT = "dump_alone", "one_liner", "zstd_age", "deflate"
# As scripts/bench calls it: the name in the table, the label in the plot, colour, dashes.
CONTENDERS = {
    BASE: ("`pg_dump` alone", "pg_dump alone", "#000000", ""),
    DEFAULT: ("**pgseal, deflate** (default)", "pgseal deflate (default)", "#d1495b", ""),
    "zstd_1": ("pgseal, zstd:1", "pgseal zstd:1", "#e08e1a", ""),
    "zstd_3": ("pgseal, zstd (3)", "pgseal zstd (3)", "#a3672b", ""),
    "uncompressed": ("pgseal, none", "pgseal none", "#8d5fa8", ""),
    "gpg_zlib": ("pgseal, gpg", "pgseal gpg", "#c97fb0", ""),
    ONE_LINER: ("one-liner: `pg_dump \\| gpg \\| tee >(sha256sum)`", "one-liner: pg_dump | gpg", "#1f5f99", "7 4"),
    "gpg_z1": ("`pg_dump \\| gpg -z 1`", "pg_dump | gpg -z1", "#4d9ac9", "7 4"),
    "zstd_gpg": ("`pg_dump \\| zstd -1 \\| gpg -z 0`", "pg_dump | zstd -1 | gpg -z0", "#2a8c6e", "7 4"),
    AGE: ("`pg_dump \\| zstd -1 \\| age`", "pg_dump | zstd -1 | age", "#7aa83d", "7 4"),
    "custom_gpg": ("`pg_dump -Fc \\| gpg -z 0`", "pg_dump -Fc | gpg -z0", "#7d8790", "7 4"),
}


# The ways back: what pgseal does, what a shell does in its stead, and the shell's name in the table.
WAYS_BACK = [
    ("restore", "restore_by_hand", "`pgseal restore`", "`gpg --decrypt \\| psql`, twice"),
    ("restore", "restore_and_read", "`pgseal restore`", "the same, and then `pg_dump` of what came back"),
    ("verify", "verify_by_hand", "`pgseal verify`", "`sha256sum`"),
    ("verify_decrypt", "decrypt_by_hand", "`pgseal verify --decrypt`", "`sha256sum`, then `gpg --decrypt`"),
    ("prove_restore", "prove_by_hand", "`pgseal prove-restore`", "`initdb`, start, restore, `pg_dump`, stop; compares nothing"),
]
ASKED_OF_RESTORE = 1.15


class Cell:
    """All rounds of one contender at one size."""

    def __init__(self, runs):
        def column(name):
            return [float(run[name]) for run in runs]

        self.rounds = len(runs)
        self.walls = column("wall_s")
        self.wall = min(self.walls)  # what else the machine does only ever adds
        self.middle = median(self.walls)
        self.cpu = median(map(sum, zip(column("user_s"), column("system_s"))))
        # A session is counted when the server has buried it, so perhaps in the next run: only means hold.
        self.server = mean(column("server_s"))
        self.memory = max(column("max_rss_kb")) / 1024
        self.bytes = median(column("artifact_bytes"))


def others(runs):
    """The share of the machine that was neither ours nor idle."""
    # The CPU of a server that comes and goes within a run is counted nowhere else.
    runs = [run for run in runs if not run["contender"].startswith("prove_")]
    ours = sum(float(run[name]) for run in runs for name in ("user_s", "system_s", "server_s"))
    busy = sum(float(run["machine_s"]) for run in runs)
    there = sum(float(run["wall_s"]) for run in runs) * os.cpu_count()
    return max(0.0, busy - ours) / there


def read(path, names):
    with open(path, newline="", encoding="utf-8") as file:
        runs = list(csv.DictReader(file, delimiter="\t"))
    sizes = {}
    for run in runs:
        sizes.setdefault(int(run["dump_bytes"]), {}).setdefault(run["contender"], []).append(run)
    for by_name in sizes.values():
        assert set(by_name) == set(names), "contenders here and in scripts/bench differ"
    return runs, {size: {name: Cell(sizes[size][name]) for name in names} for size in sorted(sizes)}


def amount(size):
    """A number of bytes, as people say it."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit * 0.995:
            return f"{size / unit:.3g} {name}"
    return f"{size:.0f} B"


def heading(size):
    return "The empty tables" if size < 100_000 else f"{amount(size)} of dump"


# ---- The page


def tables(sizes):
    for size, cells in sizes.items():
        base, one_liner = cells[BASE], cells[ONE_LINER]
        yield f"### {heading(size)}: {base.rounds} round{'s' * (base.rounds > 1)}\n"
        yield "| | wall, s: fastest (median) | × pg_dump | × one-liner | CPU, s | memory, MiB | artifact | × one-liner's |"
        yield "|---|---|--:|--:|--:|--:|--:|--:|"
        for name, cell in cells.items():
            artifact = f"{amount(cell.bytes)} | {cell.bytes / one_liner.bytes:.2f}" if cell.bytes else "– | –"
            yield (
                f"| {CONTENDERS[name][0]} | {cell.wall:.3g} ({cell.middle:.3g}) | {cell.wall / base.wall:.2f}"
                f" | {cell.wall / one_liner.wall:.2f} | {cell.cpu:.3g} | {cell.memory:.1f} | {artifact} |"
            )
        server = mean(cell.server for cell in cells.values())
        yield f"\nBeside each of them, the server took {server:.2g} s of CPU.\n"


def bars(sizes):
    """What was asked for, and what came of it."""
    size, cells = max(sizes.items())
    base, one_liner, age, ours = (cells[name] for name in (BASE, ONE_LINER, AGE, DEFAULT))
    memory = max(by_name[name].memory for by_name in sizes.values() for name in CONTENDERS if is_pgseal(name))
    rows = [
        ("at most 1.25 × `pg_dump` alone", f"{ours.wall / base.wall:.2f} ×", ours.wall <= 1.25 * base.wall),
        ("about 4 × as fast as the one-liner", f"{one_liner.wall / ours.wall:.2f} ×", one_liner.wall >= 3.75 * ours.wall),
        (
            "artifact no larger than the one-liner's",
            f"{ours.bytes / one_liner.bytes:.2f} × its size",
            ours.bytes <= one_liner.bytes,
        ),
        ("faster than `pg_dump \\| zstd -1 \\| age`", f"{age.wall / ours.wall:.2f} × as fast", ours.wall < age.wall),
        ("under 32 MiB of memory at any size, by any method", f"{memory:.1f} MiB at most", memory < 32),
    ]
    floor, empty = min(sizes.items())
    if floor < 100_000:
        ratio = empty[DEFAULT].wall / empty[BASE].wall
        rows.append(("the empty tables: at most 2 × `pg_dump` alone", f"{ratio:.2f} ×", ratio <= 2))
    yield f"### Against what was asked for, at {amount(size)}\n"
    yield "| asked for, of the default method | this run | |"
    yield "|---|---|---|"
    for asked, found, held in rows:
        yield f"| {asked} | {found} | {'held' if held else '**missed**'} |"
    yield ""
    if size < 495_000_000:
        yield "It was asked for 500 MB and more: this run was too small to say.\n"


def ratios(ours, theirs):
    """Of the two runs of each round, which stood beside each other."""
    return [one / other for one, other in zip(ours.walls, theirs.walls, strict=True)]


def tables_back(sizes):
    for size, cells in sizes.items():
        rounds = cells["restore"].rounds
        yield f"### Back from {heading(size)[0].lower() + heading(size)[1:]}: {rounds} round{'s' * (rounds > 1)}\n"
        yield "| pgseal | wall, s: fastest (median) | beside | wall, s: fastest (median) | × of the fastest | × in a round: median (lowest to highest) |"
        yield "|---|---|---|---|--:|---|"
        for one, other, name, beside in WAYS_BACK:
            ours, theirs = cells[one], cells[other]
            each = ratios(ours, theirs)
            yield (
                f"| {name} | {ours.wall:.3g} ({ours.middle:.3g}) | {beside} | {theirs.wall:.3g} ({theirs.middle:.3g})"
                f" | {ours.wall / theirs.wall:.2f} | **{median(each):.2f}** ({min(each):.2f} to {max(each):.2f}) |"
            )
        yield ""


def bars_back(sizes):
    """What was asked of restore, and what came of it."""
    yield "### Restore against what was asked for\n"
    yield f"| asked for: at most {ASKED_OF_RESTORE} × the shell's | of the fastest | in a round, median | |"
    yield "|---|--:|--:|---|"
    for size, cells in sizes.items():
        ours, theirs = cells["restore"], cells["restore_by_hand"]
        ratio = median(ratios(ours, theirs))
        held = "held" if ratio <= ASKED_OF_RESTORE else "**missed**"
        yield f"| {heading(size)} | {ours.wall / theirs.wall:.2f} × | {ratio:.2f} × | {held} |"
    yield ""


def is_pgseal(name):
    return CONTENDERS[name][1].startswith("pgseal")


def setting(runs, version, used):
    tools = [version] if version else []
    for tool in used:
        line = subprocess.run([tool, "--version"], check=True, capture_output=True, text=True).stdout.splitlines()[0]
        tools.append(f"{tool} {re.search(r'[0-9]+[.][0-9.]*[0-9]', line)[0]}")
    model = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.M)
    model = model[1] if model else platform.machine()
    yield f"{', '.join(tools)}; {os.cpu_count()} cores ({model})."
    taken = others(runs)
    yield f"While this ran, other work took {taken:.0%} of the machine" + (
        ": **too much to trust what follows; run it again.**\n" if taken > 0.1 else ".\n"
    )


def splice(page, part, lines):
    begin, end = f"<!-- {part} -->\n", f"<!-- /{part} -->\n"
    before, rest = page.read_text(encoding="utf-8").split(begin)
    after = rest.split(end)[1]
    page.write_text(before + begin + "\n".join(lines).strip() + "\n" + end + after, encoding="utf-8")


# ---- The plot

WIDTH, HEIGHT = 900, 640
LEFT, RIGHT, TOP, BOTTOM = 78, 252, 66, 64
FONT = "font-family='Helvetica, Arial, DejaVu Sans, sans-serif'"


def ticks(low, high):
    """Powers of ten, and in between."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for power in decades:
        for digit in range(1, 10):
            value = digit * 10.0**power
            if low <= value <= high * 1.02:
                yield value, digit


def spread(heights, gap):
    """Moves labels apart, as little as it takes; returns their heights in the order given."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    groups = []  # [sum of (wish - offset), count]: each group's labels stand a gap apart
    for index in order:
        groups.append([heights[index], 1])
        while len(groups) > 1:
            (above, count), (below, more) = groups[-2:]
            if above / count + count * gap <= below / more:
                break
            groups[-2:] = [[above + below - more * count * gap, count + more]]
    placed = [total / count + step * gap for total, count in groups for step in range(count)]
    return [placed[order.index(index)] for index in range(len(heights))]


def plot(sizes):
    walls = [cell.wall for cells in sizes.values() for cell in cells.values()]
    x_low, x_high = min(sizes) * 0.8, max(sizes)
    y_low, y_high = min(walls) * 0.7, max(walls) * 1.25
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def x(size):
        return LEFT + math.log(size / x_low) / math.log(x_high / x_low) * (right - LEFT)

    def y(seconds):
        return bottom - math.log(seconds / y_low) / math.log(y_high / y_low) * (bottom - TOP)

    def text(at_x, at_y, words, size=13, anchor="start", colour="#333333", more=""):
        words = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return (
            f"<text x='{at_x:.1f}' y='{at_y:.1f}' font-size='{size}' text-anchor='{anchor}' "
            f"fill='{colour}' {more}>{words}</text>"
        )

    def line(x1, y1, x2, y2, colour, width=1.0):
        return f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{colour}' stroke-width='{width}'/>"

    yield f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' width='{WIDTH}' height='{HEIGHT}' {FONT}>"
    yield "<title>Time to back up, against the size of the dump</title>"
    yield f"<rect width='{WIDTH}' height='{HEIGHT}' fill='#ffffff'/>"
    yield text(LEFT, 28, "Time to back up nine tables, against the size of the dump", 17, colour="#111111", more="font-weight='bold'")
    yield text(LEFT, 48, "Both axes logarithmic. Solid: pgseal. Dashed: shell pipelines.", colour="#555555")
    biggest = amount(x_high)
    yield text(right + 34, 48, f"at {biggest}, × pg_dump alone", 12, colour="#555555")

    for value, digit in ticks(x_low, x_high):
        yield line(x(value), TOP, x(value), bottom, "#d9d9d9" if digit == 1 else "#f3f3f3")
        if digit == 1:
            yield text(x(value), bottom + 20, amount(value), anchor="middle")
    for value, digit in ticks(y_low, y_high):
        yield line(LEFT, y(value), right, y(value), "#d9d9d9" if digit == 1 else "#f3f3f3")
        if digit in (1, 2, 5):
            yield text(LEFT - 9, y(value) + 4.5, f"{value:g} s", anchor="end", colour="#333333" if digit == 1 else "#888888")
    yield line(LEFT, bottom, right, bottom, "#333333")
    yield line(LEFT, TOP, LEFT, bottom, "#333333")
    yield text((LEFT + right) / 2, HEIGHT - 18, "what pg_dump writes", anchor="middle")
    middle = (TOP + bottom) / 2
    yield text(20, middle, "wall time, fastest round", anchor="middle", more=f"transform='rotate(-90 20 {middle})'")

    last = sizes[max(sizes)]
    labels = spread([y(cell.wall) for cell in last.values()], 17)
    # The default goes on top of the others.
    for name, label_y in sorted(zip(CONTENDERS, labels), key=lambda pair: pair[0] == DEFAULT):
        _, label, colour, dashes = CONTENDERS[name]
        points = [(x(size), y(cells[name].wall)) for size, cells in sizes.items()]
        bold = name in (BASE, DEFAULT)
        path = " ".join(f"{at_x:.1f},{at_y:.1f}" for at_x, at_y in points)
        yield (
            f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='{3 if bold else 1.7}' "
            f"stroke-linejoin='round' stroke-dasharray='{dashes or 'none'}'/>"
        )
        for at_x, at_y in points:
            yield f"<circle cx='{at_x:.1f}' cy='{at_y:.1f}' r='{3.8 if bold else 2.8}' fill='{colour}'/>"
        yield f"<polyline points='{right + 5},{points[-1][1]:.1f} {right + 28},{label_y:.1f}' fill='none' stroke='{colour}' stroke-width='0.8'/>"
        weight = "font-weight='bold'" if bold else ""
        yield text(right + 34, label_y + 4.5, label, 12.5, colour=colour, more=weight)
        yield text(WIDTH - 8, label_y + 4.5, f"{last[name].wall / last[BASE].wall:.2f}", 12.5, "end", colour, weight)
    yield "</svg>"


def main():
    arguments = sys.argv[1:]
    back = arguments[:1] == ["--back"]
    arguments = arguments[back:]
    if len(arguments) not in (1, 2):
        sys.exit(__doc__.strip().splitlines()[-1])
    path, version = arguments[0], "".join(arguments[1:])
    if back:
        names = dict.fromkeys(name for way in WAYS_BACK for name in way[:2])
        runs, sizes = read(path, names)
        page = [*setting(runs, version, ["psql", "gpg"]), *bars_back(sizes), *tables_back(sizes)]
    else:
        runs, sizes = read(path, CONTENDERS)
        page = [*setting(runs, version, ["pg_dump", "gpg", "age", "zstd"]), *bars(sizes), *tables(sizes)]
        (DOCS / "performance.svg").write_text("\n".join(plot(sizes)) + "\n", encoding="utf-8")
    splice(DOCS / "performance.md", BACK if back else BACKUP, page)
    print("\n".join(page))


if __name__ == "__main__":
    main()
