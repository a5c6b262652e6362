// Package acceptance holds tests of the whole: the braid command as it is
// built, installed into Jupyter's own programs and used as people use it. It
// has no code of its own.
//
// The tests prepare what they need by themselves (package venvtest): nbgrader
// grades a course in Go (grade_test.go), JupyterLab runs in a browser without a
// window (lab_test.go), Jupyter's own kernel test asks its questions
// (kerneltest_test.go), and contract_test.go holds what graders rely on, K1 to
// K14. A machine that lacks a program fails them; none skips. The browser's
// screenshots are for looking at: BRAID_SCREENSHOTS names a folder for them.
package acceptance
