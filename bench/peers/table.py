"""The rows of a run as a markdown table and a plot."""
import json


def number(x, digits=3):
    """x with so many digits, without an exponent where it is short."""
    if x == 0:
        return "0"
    if 10 ** digits <= abs(x) < 1e6:
        return f"{x:.0f}"
    return f"{x:.{digits}g}" if 1e-3 <= abs(x) < 10 ** digits else f"{x:.{digits - 1}e}".replace("e-0", "e-").replace("e+0", "e")


def seconds(x):
    return f"{number(x)} s" if x >= .1 else f"{number(1e3 * x)} ms"


def groups(rows):
    """The rows by contest, in their order."""
    found = {}
    for r in rows:
        found.setdefault((r["workload"], r["case"], r["dtype"]), []).append(r)
    return found


def is_bound(row):
    return "no answer" in (row.get("note") or "") or "no flow" in (row.get("note") or "")


def accurate(row):
    """Whether the row reached what its contest asks for; a row without a check counts."""
    a = row.get("accuracy") or {}
    if row["workload"] == "SinkhornSharp":
        return a.get("marginals", 0) <= 2.1e-6
    return True


def markdown(facts, rows, failed):
    v = facts["versions"]
    out = [f"{facts['date']}, {facts['machine']}, device {facts['device']}, {facts['system']}, Go {facts['go'].removeprefix('go')}, Python {facts['python']}; "
           f"load {facts['load']}; size {facts['size']}; the run took {facts['took']}.", "",
           "Versions: " + ", ".join(f"{k} {v[k]}" for k in v) + ".", "",
           "Medians. Ratio: a peer's time over monge's. Processor: time of all threads together, in steps of .01 s for monge; it hardly depends on what else "
           "the machine does, and counts threads that wait in loops. Runs: how often it ran, warm-up aside.", ""]
    for (workload, case, dtype), group in groups(rows).items():
        own = next((r for r in group if r["peer"] == "monge" and "median" in r), None)
        unit = next((r["unit"] for r in group if r.get("unit")), None)
        out += [f"**{workload}**, {case}, {dtype}", "", "| | time | " + (f"{unit} | " if unit else "") + "ratio | processor | runs | accuracy | |", "| --- | --- | " + ("--- | " if unit else "") + "--- | --- | --- | --- | --- |"]
        for r in group:
            blank = " |" if unit else ""
            if "absent" in r:
                out.append(f"| {r['peer']} | absent |{blank} | | | | {r['absent']} is not installed |")
            elif "error" in r:
                out.append(f"| {r['peer']} | failed |{blank} | | | | {r['error'].splitlines()[0][:120].replace('|', '/')} |")
            else:
                accuracy = ", ".join(f"{k} {number(x, 2)}" for k, x in (r.get("accuracy") or {}).items())
                ratio = "1" if r is own else f"{number(r['median'] / own['median'], 2)}" if own else ""
                note = r.get("note") or ""
                if not accurate(r):
                    note = (note + "; " if note else "") + "did not get there"
                cells = [r["peer"], seconds(r["median"])] + ([number(r["rate"])] if unit else []) + [ratio, f"{r['processor']:.3g} s" if "processor" in r else "", str(len(r["seconds"])), accuracy, note]
                out.append("| " + " | ".join(cells) + " |")
        out.append("")
    if failed:
        out += ["Not measured, as their process ended early: " + ", ".join(failed) + ".", ""]
    return "\n".join(out)


def best(group):
    """monge's row and the fastest peer that reached the answer."""
    own = next((r for r in group if r["peer"] == "monge" and "median" in r), None)
    peers = [r for r in group if "median" in r and r["library"] != "monge" and not is_bound(r) and accurate(r)]
    return own, min(peers, key=lambda r: r["median"], default=None)


def plot(path, facts, rows):
    """Every contestant as a point at its time over monge's."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    held = [(k, g) for k, g in groups(rows).items() if best(g)[0]]
    figure, axes = pyplot.subplots(figsize=(10, .5 + .34 * len(held)))
    for i, ((workload, case, dtype), group) in enumerate(held):
        own, fastest = best(group)
        for r in group:
            if "median" not in r or r is own:
                continue
            ratio = r["median"] / own["median"]
            style = dict(marker="|", color="gray", s=80) if is_bound(r) else dict(marker="o", color="tab:blue" if r is fastest else "lightsteelblue", s=28)
            if not accurate(r):
                style = dict(marker="x", color="lightgray", s=28)
            axes.scatter(ratio, i, zorder=3, **style)
            if r is fastest:
                axes.annotate(f"{r['peer']}  {number(ratio, 2)}", (ratio, i), xytext=(5, 5), textcoords="offset points", fontsize=6)
    axes.axvline(1, color="tab:red", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(range(len(held)), [f"{w}, {c}, {d}" for (w, c, d), _ in held], fontsize=6)
    axes.invert_yaxis()
    axes.grid(axis="x", which="both", alpha=.3)
    axes.set_xlabel(f"time over monge's ({facts['date']}, {facts['machine']}); dark: the fastest with the answer, |: a bound without an answer, x: did not get there", fontsize=6)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def write(stem, facts, rows, failed):
    with open(stem + ".jsonl", "w") as f:
        f.write(json.dumps(facts) + "\n")
        for r in rows:
            f.write(json.dumps(r) + "\n")
    with open(stem + ".md", "w") as f:
        f.write(markdown(facts, rows, failed))
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return
    plot(stem + ".png", facts, rows)
