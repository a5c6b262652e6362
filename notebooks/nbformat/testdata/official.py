"""What the official library does, for nbformat_test.go.

official.py generate DIR N   writes N random valid notebooks to DIR, with nbformat.write
official.py check FILE...    validates each, and writes it again as FILE.official
"""
import pathlib, random, sys

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

TEXTS = [
    "", "x := 1", "a\n", "a\nb", "\n", "\n\n", "tab\tquote\" back\\slash /", "ünïcode 日本語 😀", "\x00\x01\x1f\x7f",
    "cr\rlf\r\nvt\x0bff\x0cfs\x1cgs\x1drs\x1enel\x85ls\u2028ps\u2029end", "\ufeffbom", "</script>&<b>", "\x1b[31mred\x1b[0m",
    "  spaces  ", "\ufffd", "a\u0300", "\U0010ffff",
]
VALUES = [
    None, True, False, 0, -1, 10**30, 1.0, 0.1, -0.0, 1e-07, 1e16, 1.5e300, 5e-324, 123456789.123, float("nan"), float("inf"),
    float("-inf"), [], {}, [[]], {"": {}}, [1, "a", None], {"b": 1, "a": 2, "ä": 3, "Z": 4, "\U0001f600": 5, "\uffff": 6},
]
MIMES = ["text/plain", "text/html", "text/x-anything", "image/png", "image/svg+xml", "application/javascript", "application/pdf"]
JSON_MIMES = ["application/json", "application/vnd.vega.v5+json"]


def text(r):
    return "".join(r.choice(TEXTS) for _ in range(r.randint(0, 4)))


def metadata(r):
    return {r.choice(["k1", "k2", "ä", "", "a b"]): r.choice(VALUES) for _ in range(r.randint(0, 3))}


def bundle(r):
    data = {m: text(r) for m in r.sample(MIMES, r.randint(0, 4))}
    data.update({m: r.choice(VALUES + [["a\n", "b"], "text"]) for m in r.sample(JSON_MIMES, r.randint(0, 2))})
    return data


def output(r):
    kind = r.choice(["stream", "display_data", "execute_result", "error"])
    if kind == "stream":
        return new_output(kind, name=r.choice(["stdout", "stderr"]), text=text(r))
    if kind == "error":
        return new_output(kind, ename=text(r), evalue=text(r), traceback=[text(r) for _ in range(r.randint(0, 3))])
    out = new_output(kind, data=bundle(r), metadata=metadata(r))
    if kind == "execute_result":
        out.execution_count = r.choice([None, 0, 7])
    return out


def cell(r, i):
    kind = r.choice(["code", "code", "markdown", "raw"])
    if kind == "code":
        c = new_code_cell(text(r), outputs=[output(r) for _ in range(r.randint(0, 4))], execution_count=r.choice([None, 1, 12]))
    else:
        c = (new_markdown_cell if kind == "markdown" else new_raw_cell)(text(r))
        if r.random() < 0.3:
            c["attachments"] = {name: bundle(r) for name in ["a.png", "ö.svg"][: r.randint(0, 2)]}
    c.id = f"cell-{i}_{r.randint(0, 9999)}"
    c.metadata.update(metadata(r))
    if r.random() < 0.3:
        c.metadata["tags"] = ["parameters", "x y"]
    return c


def generate(folder, n):
    for i in range(n):
        r = random.Random(i)
        nb = new_notebook(cells=[cell(r, j) for j in range(r.randint(0, 6))], metadata=metadata(r))
        if i % 5 == 4:  # an older minor version: no ids
            nb.nbformat_minor = r.randint(0, 4)
            for c in nb.cells:
                del c["id"]
                if nb.nbformat_minor < 1:
                    c.pop("attachments", None)
        nbformat.write(nb, str(pathlib.Path(folder) / f"{i:04}.ipynb"))


def check(files):
    for name in files:
        nb = nbformat.read(name, as_version=nbformat.NO_CONVERT)
        nbformat.validate(nb)
        nbformat.write(nb, name + ".official")


if __name__ == "__main__":
    if sys.argv[1] == "generate":
        generate(sys.argv[2], int(sys.argv[3]))
    else:
        check(sys.argv[2:])
