package session

import (
	"context"
	"errors"
	"fmt"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"

	"braid/kernel/cell"
	"braid/kernel/check"
	"braid/kernel/check/exportdata"
	"braid/kernel/eval"
	"braid/kernel/worker"
)

// execution is one request on its way.
type execution struct {
	*Session
	req     Request
	sink    Sink
	name    string // of the cell in positions
	payload []map[string]any
	tried   []string // import paths of modules that were looked for
}

// Run evaluates a cell: its magics and its Go code in the order they stand in,
// then the user expressions. Cancelling ctx interrupts it. A trivial cell takes
// some 0.2 ms.
func (s *Session) Run(ctx context.Context, req Request, sink Sink) Outcome {
	s.quiet.Stop()
	defer s.quiet.Reset()
	x := &execution{Session: s, req: req, sink: sink, name: s.nameOfCell(req)}
	err := x.cell(ctx, req.Code)
	out := Outcome{Payload: x.payload}
	if err != nil {
		out.Err = render(err, s.text)
		out.Interrupted = err.Name == eval.Interrupted
		return out
	}
	out.Expressions = x.expressions(ctx)
	return out
}

// cell runs one cell's text.
func (x *execution) cell(ctx context.Context, code string) *eval.Error {
	if topic, ok := helpTopic(code); ok {
		return x.help(topic)
	}
	c, ds := x.parse(x.name, code)
	if err := x.refuse(c.Cell, ds); err != nil {
		c.fset.RemoveFile(c.File)
		return err
	}
	if err := x.choices(ctx, c); err != nil {
		return err
	}
	before, after := magicsAround(c)
	if len(c.Directives) > 0 && hasGo(c) {
		// The code is checked first: a cell that does not check runs no magic.
		if err := x.fetch(ctx, c); err != nil {
			return err
		}
		if err := x.examine(c); err != nil {
			return err
		}
	}
	if err := x.directives(ctx, before); err != nil {
		return err
	}
	if hasGo(c) {
		if _, err := x.evaluate(ctx, c, whole); err != nil {
			return err
		}
	}
	return x.directives(ctx, after)
}

// parsed is a cell with the FileSet that its positions belong to.
type parsed struct {
	*cell.Cell
	fset *token.FileSet
}

func (x *execution) parse(name, code string) (parsed, []cell.Diagnostic) {
	fset := x.view.Load().FileSet()
	c, ds := cell.Parse(fset, name, code)
	return parsed{c, fset}, ds
}

// refuse is why a cell can't run as it stands: syntax errors, unknown magics.
func (x *execution) refuse(c *cell.Cell, ds []cell.Diagnostic) *eval.Error {
	for _, d := range c.Directives {
		if msg := unknown(d); msg != "" {
			ds = append(ds, cell.Diagnostic{Pos: d.Pos, Msg: msg})
		}
	}
	return compileError(ds, nil)
}

// examine checks c and forgets the result.
func (x *execution) examine(c parsed) *eval.Error {
	x.check.Lock()
	defer x.check.Unlock()
	_, err := x.checked(c, whole)
	return err
}

// accepted is a cell that Go accepts.
type accepted struct {
	*check.Checked
	imports *check.Checked // a cell to run before it, with the imports it lacks; nil if it lacks none
}

// checked is c in the present state, or why Go refuses it. s.check is held.
func (x *execution) checked(c parsed, m mode) (accepted, *eval.Error) {
	if c.fset != x.fset { // the state was made anew since the cell was parsed
		c.Cell, _ = cell.Parse(x.fset, c.Name, c.Source)
	}
	checked, ds := x.state.Check(c.Cell)
	if checked != nil && !hasErrors(ds) {
		return accepted{checked, nil}, nil
	}
	if imports := x.autoImport(c.Cell, m); imports != nil {
		checked, ds = imports.Next.Check(c.Cell)
		if checked != nil && !hasErrors(ds) {
			return accepted{checked, imports}, nil
		} // else the errors are those of the cell with its imports
	}
	return accepted{}, compileError(ds, x.journal)
}

// autoImport checks the imports that c, which was refused, lacks, as a cell of
// their own: so they are declared as if they were written, and no position in c
// moves. It is nil if imports alone don't help. A user expression declares
// nothing, and a name that was lost with a worker does not become a package.
func (x *execution) autoImport(c *cell.Cell, m mode) *check.Checked {
	if x.opts.ExplicitImports || m == expression {
		return nil
	}
	paths := x.state.Unimported(c)
	lost := func(path string) bool {
		p, _ := exportdata.Find(path)
		return x.journal.noteOn(p.Name) != ""
	}
	if len(paths) == 0 || slices.ContainsFunc(paths, lost) {
		return nil
	}
	var source strings.Builder
	for _, path := range paths {
		fmt.Fprintf(&source, "import %q\n", path)
	}
	imports, _ := cell.Parse(x.fset, c.Name, source.String())
	checked, _ := x.state.Check(imports)
	return checked
}

// magicsAround tells the magics before the cell's Go code from those after its
// beginning: these run when the code has ended.
func magicsAround(c parsed) (before, after []cell.Directive) {
	first := firstLineOfGo(c)
	i := slices.IndexFunc(c.Directives, func(d cell.Directive) bool { return first > 0 && d.Pos.Line > first })
	if i < 0 {
		return c.Directives, nil
	}
	return c.Directives[:i], c.Directives[i:]
}

func firstLineOfGo(c parsed) int {
	switch {
	case c.Package != nil:
		return c.File.Line(c.Package.Pos())
	case len(c.Imports) > 0 && (len(c.Items) == 0 || c.Imports[0].Pos() < c.Items[0].Node().Pos()):
		return c.File.Line(c.Imports[0].Pos())
	case len(c.Items) > 0:
		return c.File.Line(c.Items[0].Node().Pos())
	case len(c.Result) > 0:
		return c.File.Line(c.Result[0].Pos())
	}
	return 0
}

func hasGo(c parsed) bool { return firstLineOfGo(c) > 0 }

// mode says what a program is run for.
type mode int

const (
	whole      mode = iota // declarations, statements and result
	expression             // only the value: nothing is declared
)

// evaluate checks c, hands it to the engine and waits for its end. The result of
// an expression is returned, that of a whole cell is an event.
func (x *execution) evaluate(ctx context.Context, c parsed, m mode) (*eval.Display, *eval.Error) {
	if err := x.fetch(ctx, c); err != nil { // %time has code that cell has not seen
		return nil, err
	}
	to := &sinkOf{sink: x.sink, input: x.req.AllowStdin, name: x.name, capture: m == expression}
	st, err := x.started(ctx, c, m, to)
	if err != nil {
		return nil, err
	}
	defer st.backing.running.Add(-1)
	if st.imports != nil {
		st.imports.Wait(x.life) // takes a moment; what goes wrong shows below
	}
	end, werr := st.run.Wait(ctx)
	if werr != nil {
		return nil, x.died(st)
	}
	to.mu.Lock()
	to.lasting = len(end.Census) > 0 || end.Abandoned
	result := to.result
	to.mu.Unlock()
	if e := end.Error; e != nil {
		if e.Name == eval.CompileError || e.Name == eval.Unsupported {
			x.takeBack(st)
		}
		return nil, e
	}
	return result, nil
}

// start is a run on its way.
type start struct {
	id      int
	run     *worker.Run
	imports *worker.Run // of what the cell imports without saying so, nil if nothing
	backing *backing
	// To take back a cell that the engine has refused.
	old, new *check.State
}

// started checks c and begins to run it. It gives up at once when ctx ends,
// though the checker may go on in the background.
func (x *execution) started(ctx context.Context, c parsed, m mode, to *sinkOf) (*start, *eval.Error) {
	type outcome struct {
		st  *start
		err *eval.Error
	}
	var decided atomic.Bool // the cell will run, or was given up
	done := make(chan outcome, 1)
	advance := func() {
		x.check.Lock()
		defer x.check.Unlock()
		st, err := x.advance(ctx, c, m, to, func() bool { return decided.CompareAndSwap(false, true) })
		done <- outcome{st, err}
	}
	select {
	case x.checker <- advance:
	case <-ctx.Done():
		return nil, interrupted("The cell was stopped before it ran.")
	case <-x.life.Done():
		return nil, x.noWorker(ctx, errClosed)
	}
	select {
	case o := <-done:
		return o.st, o.err
	case <-ctx.Done():
		if decided.CompareAndSwap(false, true) {
			return nil, interrupted("The cell was stopped before it ran.")
		}
		o := <-done
		return o.st, o.err
	}
}

func interrupted(note string) *eval.Error {
	return &eval.Error{Name: eval.Interrupted, Value: "the cell was interrupted", Notes: []string{note}}
}

// advance checks c and begins to run it in the worker; decide is asked before
// anything changes. s.check is held.
func (x *execution) advance(ctx context.Context, c parsed, m mode, to *sinkOf, decide func() bool) (*start, *eval.Error) {
	b, err := x.ensure(ctx)
	if err != nil {
		return nil, x.noWorker(ctx, err)
	}
	x.sweep()
	p := &eval.Program{
		ID: x.nextID(), Name: c.Name, Source: c.Source,
		Quiet: c.Quiet || x.req.Silent, Expression: m == expression,
		Packages: x.packagesOf(c.Cell),
	}
	if x.lowerer == nil {
		b.worker.Prepare(p) // it checks and compiles while we check
	}
	checked, failure := x.checked(c, m)
	if failure != nil {
		return nil, failure
	}
	imports, failure := x.importProgram(checked.imports)
	if failure != nil {
		return nil, failure
	}
	if failure = x.lower(p, checked.Checked); failure != nil {
		return nil, failure
	}
	if !decide() {
		return nil, interrupted("The cell was stopped before it ran.")
	}
	st := &start{id: p.ID, backing: b, old: x.state, new: checked.Next}
	b.running.Add(1)
	x.register(p.ID, to)
	if !x.begin(st, imports, p) {
		b.running.Add(-1)
		x.check.Unlock() // the burial needs it
		defer x.check.Lock()
		return nil, x.died(st)
	}
	if m == whole {
		x.accept(st, checked)
	}
	return st, nil
}

// begin hands the programs of a cell to its worker; false means that it is gone.
func (x *execution) begin(st *start, imports, p *eval.Program) bool {
	var err error
	if imports != nil {
		x.register(imports.ID, &sinkOf{restore: true})
		if st.imports, err = st.backing.worker.Begin(imports); err != nil {
			return false
		}
	}
	st.run, err = st.backing.worker.Begin(p)
	return err == nil
}

// accept makes what a cell that runs declares the session's. s.check is held.
func (x *execution) accept(st *start, c accepted) {
	if c.imports != nil {
		x.journal.record(c.imports)
		st.old = c.imports.Next // they stay if the engine refuses the cell
	}
	x.state = c.Next
	x.journal.record(c.Checked)
	x.publish()
	x.warn(c.Checked)
}

// importProgram is the program of an autoImport, nil for none. s.check is held.
func (x *execution) importProgram(c *check.Checked) (*eval.Program, *eval.Error) {
	if c == nil {
		return nil, nil
	}
	p := &eval.Program{ID: x.nextID(), Name: c.Cell.Name, Source: c.Cell.Source, Restore: true}
	return p, x.lower(p, c)
}

func (x *execution) noWorker(ctx context.Context, err error) *eval.Error {
	if ctx.Err() != nil {
		return interrupted("The cell was stopped before it ran.")
	}
	if e, ok := errors.AsType[*eval.Error](err); ok {
		return e
	}
	return &eval.Error{
		Name:  eval.WorkerLost,
		Value: "the process that runs the cells could not be started: " + err.Error(),
		Notes: []string{"Run the cell again to try once more; braid doctor looks for the cause."},
	}
}

// takeBack undoes the declarations of a cell that the engine has refused to run,
// unless another cell was checked since.
func (x *execution) takeBack(st *start) {
	x.check.Lock()
	defer x.check.Unlock()
	if x.state == st.new && x.backing == st.backing {
		x.state = st.old
		x.journal.undo(x.name)
		x.publish()
	}
}

// died is what the cell says when its worker has ended under it.
func (x *execution) died(st *start) *eval.Error {
	<-st.backing.over
	e := *st.backing.obituary
	if from := x.otherCell(st.backing.run, st.id); from != "" {
		e.Notes = append([]string{"It happened in a goroutine that " + from + " has started."}, e.Notes...)
	}
	return &e
}

// otherCell names the cell of a run, if that is not this one.
func (x *execution) otherCell(run, this int) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	if to := x.runs[run]; run != this && to != nil && to.name != x.name {
		return to.name
	}
	return ""
}

// expressions evaluates the user expressions, in the order of their keys.
func (x *execution) expressions(ctx context.Context) map[string]Value {
	values := map[string]Value{}
	for _, key := range slices.Sorted(keysOf(x.req.Expressions)) {
		values[key] = x.expression(ctx, key, x.req.Expressions[key])
	}
	return values
}

func (x *execution) expression(ctx context.Context, key, code string) Value {
	name := "user_expressions[" + key + "]"
	failed := func(e *eval.Error) Value {
		return Value{Err: render(e, func(cell string) string {
			if cell == name {
				return code
			}
			return x.text(cell)
		})}
	}
	c, ds := x.parse(name, code)
	if e := compileError(ds, nil); e != nil {
		return failed(e)
	}
	if len(c.Items) > 0 || len(c.Imports) > 0 || len(c.Directives) > 0 || len(c.Result) == 0 {
		return failed(&eval.Error{Name: eval.CompileError, Value: "not an expression", Pos: eval.Pos{Cell: name, Line: 1, Column: 1}})
	}
	d, e := x.evaluate(ctx, c, expression)
	switch {
	case e != nil:
		return failed(e)
	case d == nil: // a call without a value
		return Value{Data: map[string]any{"text/plain": ""}, Metadata: map[string]any{}}
	case d.Metadata == nil:
		d.Metadata = map[string]any{}
	}
	return Value{Data: d.Data, Metadata: d.Metadata}
}

// warn shows what the compiler would warn of.
func (x *execution) warn(c *check.Checked) {
	if !x.opts.Warnings || x.graded || x.req.Silent || len(c.Warnings) == 0 {
		return
	}
	var lines []string
	for _, w := range c.Warnings {
		lines = append(lines, place(w.Pos)+": "+w.Msg)
	}
	x.sink.Emit(eval.Event{Display: &eval.Display{Data: map[string]any{"text/plain": strings.Join(lines, "\n")}}})
}

var undefined = regexp.MustCompile(`^undefined: ([\pL_][\pL\p{Nd}_]*)(?:\n|$)`)

// compileError makes one error of all diagnostics that keep a cell from running;
// nil if none does. j, if not nil, explains names that were lost.
func compileError(ds []cell.Diagnostic, j *journal) *eval.Error {
	var first *eval.Error
	for _, d := range ds {
		if d.Severity != cell.Error {
			continue
		}
		e := &eval.Error{Name: eval.CompileError, Value: d.Msg, Pos: d.Pos}
		if m := undefined.FindStringSubmatch(d.Msg); m != nil && j != nil {
			if note := j.noteOn(m[1]); note != "" {
				e.Value = "undefined: " + m[1] // and no package that happens to have the name
				e.Notes = append(e.Notes, note)
			}
		}
		if first == nil {
			first = e
		} else {
			first.More = append(first.More, e)
		}
	}
	return first
}
