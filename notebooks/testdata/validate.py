"""Fails unless each of the files is a notebook of format 4.5 in the eyes of the official library."""
import sys

import nbformat

for name in sys.argv[1:]:
    nb = nbformat.read(name, as_version=nbformat.NO_CONVERT)
    if (nb.nbformat, nb.nbformat_minor) != (4, 5):
        sys.exit(f"{name}: format {nb.nbformat}.{nb.nbformat_minor}")
    try:
        nbformat.validate(nb)
    except nbformat.ValidationError as e:
        sys.exit(f"{name}: {e}")
