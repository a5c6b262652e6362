// Package install brings Braid to Jupyter: kernelspecs in the folders that
// Jupyter searches, the laboratory (JupyterLab with this kernel, in a private
// Python environment if need be), and a doctor who finds what is wrong.
//
// It stands outside the kernel: it starts programs and writes files, and knows
// neither cells nor messages.
//
// It promises that an install is never half done (a folder is made aside and
// swapped in), that nothing of a user's is overwritten or lost (other kernels,
// settings of nbgrader, notebooks), and that every error says what to do.
package install
