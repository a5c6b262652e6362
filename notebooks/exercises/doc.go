// Package exercises is the course's exercises: for each a folder with the
// notebook that nbgrader takes as a source, and what its author keeps beside it.
//
//	01-counter/exercise.md     what the author writes
//	01-counter/counter.ipynb   the source notebook, made of it by go generate
//	01-counter/wrong.md        typical wrong solutions, and the messages they get
//	01-counter/design.md       goal, prerequisites, what is out of scope
//
// It stands beside the lessons and uses documents only; tests run them.
//
// It promises that each notebook is a valid nbgrader source (metadata schema 3,
// its delimiters for solutions and hidden tests), that the untouched stub gets
// no point, the model solution all, and each wrong solution its own message, the
// same to the byte on every run.
//
// # exercise.md
//
// Text is Markdown cells, one from each line "---" to the next. A fenced block
// of go is a code cell; the words behind "go" say what it is for:
//
//	go                  runs as it is; the learner may change it
//	go given ID         locked: what checks and learners both use
//	go solution ID      the learner's work, with BEGIN SOLUTION … END SOLUTION
//	go test ID POINTS   locked and graded; ends in its score, a number
//
// A line "hint: …" and what follows up to an empty line is a hint. Hints of one
// cell become boxes, each inside the one before, so that they open one by one.
package exercises

//go:generate go run ./compose
