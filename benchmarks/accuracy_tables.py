"""The tables of models side by side: goals, boxes, clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Figures = dict[str, Any]
REFERENCE = "litemedsam"
# key, what it says, the goal, whether a figure reaches it; None: the reference's own figure is the goal
GOALS: tuple[tuple[str, str, str, Callable[[float], bool] | None], ...] = (
    ("box", "box: Dice, mean of isic2018, cvc_clinicdb, shenzhen_cxr, busi", "", None),
    ("one_click", "one click: Dice, mean of those and single nuclei", "≥ 0.87", lambda x: x >= 0.87),
    ("noc85", "NoC85, centre clicks, mean of the same five", "≤ 4.5", lambda x: x <= 4.5),
    ("noc85_isic2018", "NoC85, isic2018", "≤ 2.5", lambda x: x <= 2.5),
    ("noc85_shenzhen_cxr", "NoC85, shenzhen_cxr", "≤ 2.5", lambda x: x <= 2.5),
    ("noc85_noisy", "NoC85, noisy clicks, mean of the same five", "≤ 6", lambda x: x <= 6),
)


def models(report: Figures) -> str:
    """Every model beside the goals, then set by set with boxes and with clicks."""
    found = report["models"]
    parts = [goals(found), "With a box (mean Dice [95 % interval over cases]):", boxes(found)]
    parts += ["With clicks (mean Dice; mean clicks, missed objects in brackets):", clicks(found)]
    runtimes = "; ".join(f"{name}: {one['runtime']}" for name, one in found.items())
    limit = f", the first {report['limit']} cases of each" if report["limit"] else ""
    parts.append(
        f"Split {report['split']}{limit}; at most {report['cap']} clicks, which a miss counts as. {runtimes}."
    )
    return "\n\n".join(parts)


def goals(found: Figures) -> str:
    """The means that the project has set itself; what misses its goal is set in italics."""
    reference = found.get(REFERENCE, {}).get("means", {}).get("box")
    rows = []
    for key, title, goal, reaches in GOALS:
        if reaches is None:
            goal = "at least LiteMedSAM's" if reference is None else f"≥ {reference:.3f} (LiteMedSAM)"
        cells = [title, goal]
        for one in found.values():
            value = one.get("means", {}).get(key)
            met = value is None or (value >= (reference or 0) if reaches is None else reaches(value))
            cells.append(_text(value) if met else f"*{_text(value)}*")
        rows.append(cells)
    return table(["", "goal", *found], rows)


def boxes(found: Figures) -> str:
    """Dice with the tight box of each object."""
    rows = []
    for name in _sets(found):
        first = next(one["sets"][name]["box"] for one in found.values() if name in one["sets"])
        cells = [name, f"{first.get('objects', 0)} ({first.get('cases', 0)})"]
        cells += [_text(_mean(first, f"{shape}.dice")) for shape in ("filled_box", "ellipse")]
        cells += [_interval(one["sets"].get(name, {}).get("box", {})) for one in found.values()]
        rows.append(cells)
    return table(["set", "objects (cases)", "filled box", "ellipse", *found], rows)


def clicks(found: Figures) -> str:
    """Dice after clicks and clicks to a target, of every model that understands points."""
    rows = []
    for model, one in found.items():
        sets = {name: each for name, each in one["sets"].items() if "click" in each and "noisy" in each}
        asked = {name: each for name, each in sets.items() if "unanswered" not in each["click"]}
        if not asked:
            known = {each["click"]["unanswered"] for each in sets.values()}
            rows.append([model, "all", ", ".join(sorted(known)), *[""] * 6])
        for name, each in asked.items():
            click, noisy = each["click"], each["noisy"]
            cells = [model, name, *(_text(_mean(click, f"dice@{count}")) for count in (1, 3, 5))]
            cells += [_count(click, target) for target in (80, 85, 90)]
            rows.append([*cells, _count(noisy, 85)])
    return table(
        ["model", "set", "1 click", "3", "5", "NoC80", "NoC85", "NoC90", "NoC85, noisy"],
        rows,
    )


def generalisation(report: Figures) -> str:
    """Models on sets that they were not trained on, beside the report's other models on the same sets."""
    rows = []
    for model, one in report["models"].items():
        for name, each in one["sets"].items():
            click = each.get("click", {})
            cells = [name, model, _interval(each["box"]), _text(_mean(each["box"], "filled_box.dice"))]
            clicked = [_text(_mean(click, "dice@1")), _count(click, 85)]
            rows.append([*cells, *([click["unanswered"], ""] if "unanswered" in click else clicked)])
    rows.sort(key=lambda cells: cells[0])
    return table(["set", "model", "box Dice", "filled box", "1 click", "NoC85"], rows)


def _sets(found: Figures) -> list[str]:
    return list(dict.fromkeys(name for one in found.values() for name in one["sets"]))


def _mean(figures: Figures, name: str) -> float | None:
    value: float | None = figures.get(name, {}).get("mean")
    return value


def _text(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _interval(figures: Figures) -> str:
    """Write Dice with its interval, or why there is none."""
    one = figures.get("dice")
    if one is None:
        return str(figures.get("unanswered", "–"))
    return interval(one)


def interval(one: Figures) -> str:
    """Write a mean with its interval; a single case has none."""
    if one["low"] is None:
        return _text(one["mean"])
    return f"{_text(one['mean'])} [{_text(one['low'])}, {_text(one['high'])}]"


def _count(figures: Figures, target: int) -> str:
    missed = figures.get("failures", {}).get(str(target), 0)
    return _text(_mean(figures, f"noc{target}"), 2) + (f" ({missed})" if missed else "")


def table(heading: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
