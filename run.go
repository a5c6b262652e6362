package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"braid/notebooks/execute"
	"braid/notebooks/execute/render"
	"braid/notebooks/nbformat"
)

func runCommand() *cobra.Command {
	r := &runner{}
	var params []string
	cmd := &cobra.Command{
		Use:   "run NOTEBOOK...",
		Short: "Execute notebooks, without Jupyter and without Python",
		Long: `Execute the cells of notebooks in order, each notebook in a session of its own
and in its own folder. Without -o, --inplace or --html the outputs are printed
and nothing is written.

A cell that fails ends its notebook: the error is printed, what was executed is
still written, and the exit code is 1. Cells with these tags are special:
  skip-execution     is not run
  raises-exception   may fail
  parameters         declares what -p can change`,
		Example: `  braid run lesson.ipynb                         print the outputs
  braid run --inplace *.ipynb                    execute and keep the outputs
  braid run lesson.ipynb -o done.ipynb           write another file (- is stdout)
  braid run lesson.ipynb --html                  make lesson.html
  braid run model.ipynb -p n=100 -p name=Ada     with other parameters`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("name at least one notebook")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, s := range params {
				p, err := execute.ParseParameter(s)
				if err != nil {
					return usageError{err}
				}
				r.params = append(r.params, p)
			}
			if err := r.check(args); err != nil {
				return usageError{err}
			}
			r.out, r.log, r.bar = cmd.OutOrStdout(), cmd.ErrOrStderr(), isTerminal(cmd.ErrOrStderr())
			return r.all(cmd.Context(), args)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&r.output, "output", "o", "", "write the executed notebook to `OUT`: a file, a folder, or - for stdout")
	f.BoolVar(&r.inplace, "inplace", false, "write each executed notebook back to its file")
	f.BoolVar(&r.html, "html", false, "write a page of HTML instead (with --inplace: as well)")
	f.DurationVar(&r.options.Timeout, "timeout", 0, "stop a cell that runs longer than this `TIME`, such as 30s (default: never)")
	f.BoolVar(&r.options.AllowErrors, "allow-errors", false, "go on after a cell that fails; the exit code is 0 then")
	f.StringArrayVarP(&params, "param", "p", nil, "`NAME=VALUE` for a variable of the cell tagged \"parameters\"; may be repeated")
	r.engine.register(f)
	return cmd
}

// runner executes notebooks for the command line.
type runner struct {
	output        string
	inplace, html bool
	params        []execute.Parameter
	options       execute.Options
	engine        engineFlags

	out, log io.Writer
	bar      bool // log is a terminal
}

func (r *runner) check(notebooks []string) error {
	_, err := r.engine.options("")
	switch {
	case err != nil:
		return err
	case r.output != "" && r.inplace:
		return errors.New("-o and --inplace exclude each other")
	case r.options.Timeout < 0:
		return errors.New("--timeout must not be negative")
	case len(notebooks) > 1 && r.output == "-":
		return errors.New("-o - takes one notebook only")
	case len(notebooks) > 1 && r.output != "" && !isDir(r.output):
		return fmt.Errorf("%s is no folder; with several notebooks -o must name one", r.output)
	}
	return nil
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// all runs the notebooks one after the other; one that fails does not keep the
// others from running, but an interrupt does.
func (r *runner) all(ctx context.Context, notebooks []string) error {
	var failed error
	for _, path := range notebooks {
		err := r.one(ctx, path)
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return context.Canceled
		}
		r.explain(path, err)
		failed = errReported
	}
	return failed
}

func (r *runner) explain(path string, err error) {
	var cell *execute.CellError
	if !errors.As(err, &cell) {
		fmt.Fprintf(r.log, "braid: %v\n", err)
		return
	}
	for _, line := range cell.Failure.Traceback {
		if !r.bar {
			line = render.StripANSI(line)
		}
		fmt.Fprintln(r.log, line)
	}
	fmt.Fprintf(r.log, "braid: %s: %v\n", path, cell)
}

func (r *runner) one(ctx context.Context, path string) error {
	nb, err := nbformat.ReadFile(path)
	if err != nil {
		return err
	}
	for _, repair := range nb.Repairs {
		fmt.Fprintf(r.log, "%s: %s\n", path, repair)
	}
	if err := execute.SetParameters(nb, r.params); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	s, err := r.engine.open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer s.Close()
	bar := &progressBar{w: r.log, terminal: r.bar, name: filepath.Base(path)}
	o := r.options
	o.OnCell = bar.cell
	begin := time.Now()
	failure := execute.Notebook(ctx, nb, s, o)
	bar.end()
	if err := r.write(path, nb); err != nil {
		return errors.Join(failure, err)
	}
	if failure == nil {
		fmt.Fprintf(r.log, "%s: %d cells in %.1f s\n", path, bar.total, time.Since(begin).Seconds())
	}
	return failure
}

// write puts the notebook, and its page, where the flags say.
func (r *runner) write(path string, nb *nbformat.Notebook) error {
	if r.inplace {
		if err := nb.WriteFile(path); err != nil {
			return err
		}
	}
	switch {
	case r.html:
		page, err := render.HTML(nb, strings.TrimSuffix(filepath.Base(path), ".ipynb"))
		if err != nil {
			return err
		}
		return r.deliver(page, r.target(strings.TrimSuffix(path, ".ipynb")+".html"))
	case r.output != "":
		data, err := nb.Bytes()
		if err != nil {
			return err
		}
		return r.deliver(data, r.target(path))
	case !r.inplace:
		return render.Text(r.out, nb)
	}
	return nil
}

// target is the file that -o names for something that is called path without it.
func (r *runner) target(path string) string {
	switch {
	case r.output == "":
		return path
	case isDir(r.output):
		return filepath.Join(r.output, filepath.Base(path))
	}
	return r.output
}

func (r *runner) deliver(data []byte, path string) error {
	if path == "-" {
		_, err := r.out.Write(data)
		return err
	}
	return nbformat.ReplaceFile(path, data)
}

// progressBar shows how far a notebook has come: on a terminal as a bar, elsewhere
// as a line for each cell.
type progressBar struct {
	w        io.Writer
	terminal bool
	name     string
	total    int
}

func (b *progressBar) cell(p execute.Progress) {
	b.total = p.Total
	if !b.terminal {
		fmt.Fprintf(b.w, "%s: cell %d (%d of %d)\n", b.name, p.Cell+1, p.Done+1, p.Total)
		return
	}
	const width, columns = 16, 79 // one line of any terminal
	full := width * p.Done / p.Total
	first, _, _ := strings.Cut(strings.TrimSpace(p.Source), "\n")
	line := []rune(fmt.Sprintf("%s %s%s %d/%d  %s", b.name, strings.Repeat("█", full), strings.Repeat("░", width-full),
		p.Done, p.Total, strings.ReplaceAll(first, "\t", " ")))
	fmt.Fprintf(b.w, "\r\x1b[K%s", string(line[:min(len(line), columns)]))
}

func (b *progressBar) end() {
	if b.terminal {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}
