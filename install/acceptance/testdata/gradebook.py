"""Print what nbgrader's gradebook holds of one assignment, as JSON."""
import json
import sys

from nbgrader.api import Gradebook

with Gradebook("sqlite:///gradebook.db") as book:
    found = {}
    for submission in book.assignment_submissions(sys.argv[1]):
        cells = found.setdefault(submission.student.id, {})
        for notebook in submission.notebooks:
            for grade in notebook.grades:
                cells[grade.name] = {
                    "auto": grade.auto_score,
                    "needs_manual_grade": bool(grade.needs_manual_grade),
                    "max": grade.max_score,
                }
    print(json.dumps(found))
