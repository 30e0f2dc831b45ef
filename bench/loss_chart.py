"""The record of losses.py as a picture: how long everyone takes, in units of our time. Light, and dark on a dark
screen."""

import math
from html import escape

# Class, light, dark. Blue and orange are of Okabe and Ito's palette, as in the reports of the command.
INKS = (
    ("main", "#1b1f24", "#e8eaed"),
    ("muted", "#57606a", "#a3acb6"),
    ("faint", "#e2e5e9", "#30363d"),
    ("blue", "#0072b2", "#56b4e9"),
    ("orange", "#d55e00", "#f0944d"),
    ("paper", "#ffffff", "#14171a"),
)
LIGHT = {name: light for name, light, _ in INKS}
# What is shown, of whom, and in which colour.
BARS = (
    ("temperance", "temperance", "blue"),
    ("temperance, in place", "in place", "blue"),
    ("temperance, 1 thread", "1 thread", "blue"),
    ("PyTorch", "PyTorch", "orange"),
    ("torch.compile", "torch.compile", "orange"),
    ("JAX", "JAX", "orange"),
    ("candle", "candle", "orange"),
    ("copy", "copy of the logits", "muted"),
)
LEFT, PANEL, GAP, TEXT, MARGIN = 150, 188, 14, 92, 20
TOP, ROW, HEADER, BAR = 104, 18, 34, 11


def rect(ink, x, y, width, height):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" {fill(ink)}/>'


def line(ink, x0, y0, x1, y1, width=1.0):
    ends = f'x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"'
    return f'<line {ends} class="s-{ink}" stroke="{LIGHT[ink]}" stroke-width="{width:g}"/>'


def text(ink, x, y, words, anchor="start", size=12, bold=False):
    style = f'font-size="{size}" text-anchor="{anchor}"' + (' font-weight="600"' if bold else "")
    return f'<text x="{x:.1f}" y="{y:.1f}" {style} {fill(ink)}>{escape(words)}</text>'


def fill(ink):
    return f'class="f-{ink}" fill="{LIGHT[ink]}"'


def three_digits(number):
    """0.0123, 1.23, 12.3, 123, 1230."""
    return f"{number:.{max(0, 2 - math.floor(math.log10(number)))}f}"


def scale(ratios):
    """A logarithmic axis through 1: the pixel of a ratio, and its ticks."""
    low, high = math.log10(min(0.5, *ratios)), math.log10(max(2.0, *ratios))
    decades = range(math.floor(low), math.ceil(high) + 1)
    ticks = [step * 10.0**decade for decade in decades for step in (1, 2, 5)]
    ticks = [tick for tick in ticks if low - 0.31 <= math.log10(tick) <= high + 0.31]
    low, high = min(low, math.log10(ticks[0])), max(high, math.log10(ticks[-1]))
    if len(ticks) > 7:
        ticks = [10.0**decade for decade in decades if low <= decade <= high]
    if len(ticks) > 5:
        ticks = [tick for tick in ticks if round(math.log10(tick)) % 2 == 0]
    return lambda ratio: (math.log10(ratio) - low) / (high - low) * PANEL, ticks


def draw(record):
    losses, shapes = list(record["losses"]), record["shapes"]
    found = {(r["shape"], r["loss"], r["contestant"]): r for r in record["results"] if r["task"] == "gradient"}
    ours = {(shape, loss): found[shape, loss, "temperance"]["median"] for shape in shapes for loss in losses}

    def of(shape, loss, name):
        return found.get((shape, "CE" if name == "copy" else loss, name))

    bars = [bar for bar in BARS if of(shapes[0], losses[0], bar[0])]
    ratios = [
        seconds / ours[shape, loss]
        for shape in shapes for loss in losses for name, _, _ in bars
        for seconds in of(shape, loss, name)["quartiles"]
    ]
    at, ticks = scale(ratios)
    panels = [MARGIN + LEFT + place * (PANEL + TEXT + GAP) for place in range(len(losses))]
    width = panels[-1] + PANEL + TEXT + MARGIN
    bottom = TOP + len(shapes) * (HEADER + ROW * len(bars))
    height = bottom + MARGIN + 34

    title = "Loss and gradient: time in units of temperance on all cores"
    machine = record["machine"]
    under = (f"{machine['cpu']}, {machine['cores']} cores; medians of {record['rounds']} rounds, thin lines are "
             f"quartiles; logarithmic; to the right is slower")
    epsilon, beta = record["losses"]["LS + CP"]
    titles = {"CE": "cross-entropy", "LS": f"label smoothing {epsilon:g}",
              "LS + CP": f"the same, confidence penalty {beta:g}"}
    body = [rect("paper", 0, 0, width, height), text("main", MARGIN, 32, title, size=17, bold=True),
            text("muted", MARGIN, 52, under)]
    for x, loss in zip(panels, losses):
        body.append(text("main", x, TOP - 22, titles[loss], size=13, bold=True))
        for tick in ticks:
            inner = tick == 1
            body.append(line("muted" if inner else "faint", x + at(tick), TOP - 8, x + at(tick), bottom + 6))
            body.append(text("muted", x + at(tick), bottom + 22, f"{tick:g}×", "middle", 11))
    y = TOP
    for shape in shapes:
        rows, classes = (f"{int(number):,}".replace(",", "\u202f") for number in shape.split("x"))
        body.append(text("main", MARGIN, y + HEADER - 12, f"{rows} × {classes}", size=13, bold=True))
        y += HEADER
        for name, label, ink in bars:
            middle = y + ROW / 2
            body.append(text("main", MARGIN + LEFT - 12, middle + 4, label, "end"))
            for x, loss in zip(panels, losses):
                result, unit = of(shape, loss, name), ours[shape, loss]
                ratio = result["median"] / unit
                left, right = sorted((at(1.0), at(ratio)))
                if name == "temperance":
                    left, right = at(1.0) - 1.5, at(1.0) + 1.5
                body.append(rect(ink, x + left, middle - BAR / 2, right - left, BAR))
                low, high = (at(seconds / unit) for seconds in result["quartiles"])
                body.append(line("main", x + low, middle, x + high, middle, 1))
                words = f"{three_digits(ratio)}× · {three_digits(1e3 * result['median'])} ms"
                if name == "temperance":
                    words = f"{three_digits(1e3 * result['median'])} ms"
                # Labels stand on paper, so that no grid line runs through them.
                end = x + max(right, high, at(1.0)) + 5
                body.append(rect("paper", end - 2, middle - 7, 6.1 * len(words), 14))
                body.append(text("main" if ink == "blue" else "muted", end, middle + 4, words, size=11))
            y += ROW
    rules = "".join(f".f-{name}{{fill:{dark}}}.s-{name}{{stroke:{dark}}}" for name, _, dark in INKS)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:g}" width="{width}" '
        f'height="{height:g}" font-family="system-ui, sans-serif" role="img" aria-labelledby="title desc">'
        f'<title id="title">{escape(title)}</title><desc id="desc">{escape(under)}</desc>'
        f"<style>@media (prefers-color-scheme:dark){{{rules}}}</style>" + "\n".join(body) + "</svg>\n"
    )
