"""Executes a notebook with nbclient as nbconvert and nbgrader do: with_nbclient.py IN OUT

Pieces of a stream that follow each other become one: how a stream is cut is
chance, of the kernel's batches.
"""
import sys

import nbclient
import nbformat


def join_streams(outputs):
    joined = []
    for out in outputs:
        last = joined[-1] if joined else None
        if last and out.output_type == last.output_type == "stream" and out.name == last.name:
            last.text += out.text
        else:
            joined.append(out)
    return joined


nb = nbformat.read(sys.argv[1], as_version=4)
try:
    nbclient.NotebookClient(nb, timeout=120, kernel_name="braid").execute()
except nbclient.exceptions.CellExecutionError:
    pass
for cell in nb.cells:
    if cell.cell_type == "code":
        cell.outputs = join_streams(cell.outputs)
nbformat.write(nb, sys.argv[2])
