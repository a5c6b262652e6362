package session

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"braid/kernel/cell"
	"braid/kernel/check"
	"braid/kernel/eval"
	"braid/kernel/worker"
)

// magic is a command to the kernel.
type magic struct {
	usage string
	does  string
	run   func(x *execution, ctx context.Context, d cell.Directive) *eval.Error
}

// magics are the commands by how they are written: "%name" on a line of its own,
// "%%name" on a cell's first line.
var magics map[string]magic

func init() { // the table refers to itself by %help
	magics = map[string]magic{
		"%cd":             {"%cd [DIR]", "change the working directory", (*execution).cd},
		"%env":            {"%env [NAME[=VALUE]]", "show or set environment variables", (*execution).env},
		"%get":            {"%get [MODULE@VERSION ...]", "choose versions of third-party modules, or list those in use", (*execution).got},
		"%goroutines":     {"%goroutines", "list the goroutines that still run, and what they wait for", (*execution).goroutines},
		"%help":           {"%help [NAME]", "show this list, or what is known of a name (also: NAME?)", (*execution).helpMagic},
		"%load":           {"%load FILE", "put a file's text into the next cell", (*execution).load},
		"%pwd":            {"%pwd", "show the working directory", (*execution).pwd},
		"%reset":          {"%reset", "forget all declarations and start a new worker", (*execution).reset},
		"%restart_worker": {"%restart_worker", "start a new worker: variables and goroutines go, functions and types stay", (*execution).restart},
		"%time":           {"%time CODE", "run a line and say how long it took", (*execution).time},
		"%who":            {"%who", "list the names that cells have declared", (*execution).who},
		"%whos":           {"%whos", "list them with kind, type and cell", (*execution).whos},
		"%%bash":          {"%%bash", "run the cell with bash", (*execution).script},
		"%%sh":            {"%%sh", "run the cell with sh", (*execution).script},
		"%%time":          {"%%time", "run the cell and say how long it took", (*execution).time},
		"%%writefile":     {"%%writefile [-a] FILE", "write the cell to a file (-a: append)", (*execution).writeFile},
		"!":               {"!COMMAND", "run a command with the shell", (*execution).shell},
	}
}

func keyOf(d cell.Directive) string {
	if d.Kind == "!" {
		return "!"
	}
	return d.Kind + d.Name
}

// unknown says what is wrong with a directive's name; "" if nothing is.
func unknown(d cell.Directive) string {
	key := keyOf(d)
	if _, ok := magics[key]; ok {
		return ""
	}
	if d.Kind == "%" {
		if _, ok := magics["%"+key]; ok {
			return fmt.Sprintf("%s is for a whole cell: write %%%s on the cell's first line", key, key)
		}
	}
	msg := "unknown magic " + key
	if near := nearest(key, maps.Keys(magics)); near != "" {
		msg += "; did you mean " + near + "?"
	}
	return msg + " (%help lists all)"
}

// nearest is the candidate that takes the fewest changes to get to from word,
// "" if even that takes many.
func nearest(word string, candidates iter.Seq[string]) string {
	best, least := "", len(word)/2
	for _, c := range slices.Sorted(candidates) {
		if d := distance(word, c); d <= least {
			best, least = c, d-1
		}
	}
	return best
}

// distance counts the letters to insert, delete or change between a and b
// (Levenshtein's).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// directives runs magics in order, up to the first that fails.
func (x *execution) directives(ctx context.Context, ds []cell.Directive) *eval.Error {
	for _, d := range ds {
		if ctx.Err() != nil {
			return interrupted("The rest of the cell did not run.")
		}
		if e := magics[keyOf(d)].run(x, ctx, d); e != nil {
			if e.Pos.Line == 0 && len(e.Frames) == 0 {
				e.Pos = d.Pos
			}
			return e
		}
	}
	return nil
}

// usageError is a failure of a magic.
func usageError(format string, args ...any) *eval.Error {
	return &eval.Error{Name: "UsageError", Value: fmt.Sprintf(format, args...)}
}

func (x *execution) print(text string) {
	x.sink.Emit(eval.Event{Stream: &eval.Stream{Name: "stdout", Text: text}})
}

// withWorker gives f the worker, and turns what goes wrong into an error of the cell.
func (x *execution) withWorker(ctx context.Context, f func(w *worker.Worker) error) *eval.Error {
	w, err := x.live(ctx)
	if err == nil {
		err = f(w)
	}
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*eval.Error](err); ok {
		return e
	}
	if d, ok := errors.AsType[*worker.Death](err); ok {
		return d.Err
	}
	if ctx.Err() != nil {
		return interrupted("The rest of the cell did not run.")
	}
	return usageError("%s", err)
}

// move changes the working directory or environment, now and for later workers.
func (x *execution) move(ctx context.Context, p worker.Place) (now worker.Place, e *eval.Error) {
	e = x.withWorker(ctx, func(w *worker.Worker) (err error) {
		now, err = w.Place(ctx, p)
		return err
	})
	if e != nil {
		return now, e
	}
	x.check.Lock()
	defer x.check.Unlock()
	if p.Dir != "" {
		x.place.Dir = now.Dir
	}
	set := maps.Clone(x.place.Set) // a worker may be starting with the old map
	if set == nil {
		set = map[string]string{}
	}
	maps.Copy(set, p.Set)
	x.place.Set = set
	return now, nil
}

func (x *execution) cd(ctx context.Context, d cell.Directive) *eval.Error {
	dir := unquote(d.Args)
	if dir == "" || dir == "~" || strings.HasPrefix(dir, "~/") {
		home, err := os.UserHomeDir()
		if err != nil {
			return usageError("%%cd: %s", err)
		}
		dir = filepath.Join(home, strings.TrimPrefix(dir, "~"))
	}
	now, e := x.move(ctx, worker.Place{Dir: dir})
	if e == nil {
		x.print(now.Dir + "\n")
	}
	return e
}

func (x *execution) pwd(ctx context.Context, d cell.Directive) *eval.Error {
	now, e := x.move(ctx, worker.Place{})
	if e == nil {
		x.print(now.Dir + "\n")
	}
	return e
}

func (x *execution) env(ctx context.Context, d cell.Directive) *eval.Error {
	name, value, assign := strings.Cut(d.Args, "=")
	if !assign {
		name, value, assign = strings.Cut(d.Args, " ")
	}
	name, value = strings.TrimSpace(name), unquote(strings.TrimSpace(value))
	var change worker.Place
	if assign {
		if name == "" {
			return usageError("%%env: no name before %q; write %%env NAME=VALUE", "="+value)
		}
		change.Set = map[string]string{name: value}
	}
	now, e := x.move(ctx, change)
	switch {
	case e != nil:
		return e
	case assign:
		x.print(name + "=" + value + "\n")
	case name == "":
		x.print(strings.Join(now.Env, "\n") + "\n")
	default:
		i := slices.IndexFunc(now.Env, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
		if i < 0 {
			return usageError("%%env: there is no environment variable %s", name)
		}
		x.print(now.Env[i][len(name)+1:] + "\n")
	}
	return nil
}

// unquote takes off one pair of quotes.
func unquote(s string) string {
	if n := len(s); n >= 2 && (s[0] == '"' || s[0] == '\'') && s[n-1] == s[0] {
		return s[1 : n-1]
	}
	return s
}

// inDir makes a path that a learner wrote one of this process.
func (x *execution) inDir(ctx context.Context, path string) (string, *eval.Error) {
	path = unquote(path)
	if filepath.IsAbs(path) {
		return path, nil
	}
	now, e := x.move(ctx, worker.Place{})
	return filepath.Join(now.Dir, path), e
}

func (x *execution) load(ctx context.Context, d cell.Directive) *eval.Error {
	if d.Args == "" {
		return usageError("%%load: no file was named; write %%load FILE")
	}
	path, e := x.inDir(ctx, d.Args)
	if e != nil {
		return e
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return usageError("%%load: %s", err)
	}
	x.payload = append(x.payload, map[string]any{
		"source": "set_next_input", "replace": true,
		"text": "// " + d.Kind + d.Name + " " + d.Args + "\n" + strings.ToValidUTF8(string(text), "\uFFFD"),
	})
	return nil
}

func (x *execution) writeFile(ctx context.Context, d cell.Directive) *eval.Error {
	name, mode, done := d.Args, os.O_TRUNC, "wrote"
	if rest, ok := strings.CutPrefix(name, "-a "); ok {
		name, mode, done = strings.TrimSpace(rest), os.O_APPEND, "appended to"
	}
	if name == "" || name == "-a" {
		return usageError("%%%%writefile: no file was named; write %%%%writefile FILE")
	}
	path, e := x.inDir(ctx, name)
	if e != nil {
		return e
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|mode, 0o666)
	if err != nil {
		return usageError("%%%%writefile: %s", err)
	}
	text := d.Body
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return usageError("%%%%writefile: %s", err)
	}
	x.print(done + " " + name + "\n")
	return nil
}

func (x *execution) shell(ctx context.Context, d cell.Directive) *eval.Error {
	return x.command(ctx, d.Args)
}

func (x *execution) script(ctx context.Context, d cell.Directive) *eval.Error {
	return x.command(ctx, d.Name+" <<'"+heredoc+"'\n"+d.Body+"\n"+heredoc)
}

const heredoc = "END_OF_BRAID_CELL"

// command runs a command line in the worker, where the learner's working
// directory and environment are.
func (x *execution) command(ctx context.Context, line string) *eval.Error {
	id := x.nextID()
	x.register(id, &sinkOf{sink: x.sink, name: x.name})
	var failure *eval.Error
	e := x.withWorker(ctx, func(w *worker.Worker) error {
		end, err := w.Shell(ctx, id, line)
		if err == nil {
			failure = end.Error
		}
		return err
	})
	if e != nil {
		return e
	}
	return failure
}

// time runs Go code at the place it stands in the cell, and prints the time it
// took, with the some 0.1 ms that it takes to reach the worker.
func (x *execution) time(ctx context.Context, d cell.Directive) *eval.Error {
	code := strings.Repeat("\n", d.Pos.Line-1)
	if d.Kind == "%%" {
		code += "\n" + d.Body
	} else {
		code += x.upTo(d) + d.Args
	}
	c, ds := x.parse(x.name, code)
	if e := x.refuse(c.Cell, ds); e != nil {
		return e
	}
	begin := time.Now()
	var e *eval.Error
	if d.Kind == "%%" && len(c.Directives) > 0 {
		e = x.cell(ctx, code)
	} else if hasGo(c) {
		_, e = x.evaluate(ctx, c, whole)
	}
	x.print(fmt.Sprintf("time: %s\n", took(time.Since(begin))))
	return e
}

// upTo is white space as long as what stands before a line magic's code.
func (x *execution) upTo(d cell.Directive) string {
	line, _ := lineOf(x.req.Code, d.Pos.Line)
	return strings.Repeat(" ", max(0, strings.LastIndex(line, d.Args)))
}

// took rounds a duration to three digits.
func took(d time.Duration) time.Duration {
	for unit := time.Duration(1); ; unit *= 10 {
		if d < 1000*unit {
			return d.Round(unit)
		}
	}
}

func (x *execution) who(ctx context.Context, d cell.Directive) *eval.Error {
	x.check.Lock()
	names := x.journal.names()
	x.check.Unlock()
	if len(names) == 0 {
		x.print("nothing was declared yet\n")
		return nil
	}
	x.print(strings.Join(names, "  ") + "\n")
	return nil
}

var kindText = map[check.Kind]string{check.Var: "var", check.Const: "const", check.Type: "type", check.Func: "func", check.Method: "method"}

func (x *execution) whos(ctx context.Context, d cell.Directive) *eval.Error {
	x.check.Lock()
	rows := [][]string{{"name", "kind", "type", "cell"}}
	for _, name := range x.journal.names() {
		b := x.journal.bound[name]
		rows = append(rows, []string{name, kindText[b.kind], b.typ, b.cell})
	}
	x.check.Unlock()
	if len(rows) == 1 {
		x.print("nothing was declared yet\n")
		return nil
	}
	x.print(columns(rows))
	return nil
}

// columns lines up rows of text.
func columns(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, text := range row {
			widths[i] = max(widths[i], len(under(text)))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, text := range row {
			line.WriteString(text + strings.Repeat(" ", widths[i]-len(under(text))+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

func (x *execution) goroutines(ctx context.Context, d cell.Directive) *eval.Error {
	x.print(censusText(x.Census()))
	return nil
}

// censusText lists goroutines for learners.
func censusText(gs []worker.Goroutine) string {
	switch len(gs) {
	case 0:
		return "no goroutines run\n"
	case 1:
		return "1 goroutine runs:\n" + goroutineText(gs[0])
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d goroutines run:\n", len(gs))
	const most = 100
	for _, g := range gs[:min(len(gs), most)] {
		b.WriteString(goroutineText(g))
	}
	if n := len(gs) - most; n > 0 {
		fmt.Fprintf(&b, "  … and %d more\n", n)
	}
	return b.String()
}

func goroutineText(g worker.Goroutine) string {
	text := "  " + place(eval.Pos{Cell: g.Pos.Cell, Line: g.Pos.Line}) + ", started " + ago(g.Age) + ": " + g.State
	if g.At.Line > 0 {
		text += " at " + place(eval.Pos{Cell: g.At.Cell, Line: g.At.Line})
	}
	return text + "\n"
}

func (x *execution) reset(ctx context.Context, d cell.Directive) *eval.Error {
	x.replace(true)
	x.print("all declarations are forgotten, a new worker runs\n")
	return nil
}

func (x *execution) restart(ctx context.Context, d cell.Directive) *eval.Error {
	before, after := x.replace(false)
	x.print("a new worker runs\n")
	for _, note := range after.inventory(before) {
		x.print(note + "\n")
	}
	return nil
}

func (x *execution) helpMagic(ctx context.Context, d cell.Directive) *eval.Error {
	return x.help(d.Args)
}

// help shows what is known of a name, or of the kernel if there is none, in the
// front end's pager.
func (x *execution) help(topic string) *eval.Error {
	data := map[string]any{"text/plain": overview()}
	if topic != "" {
		known := x.Inspect(topic, len([]rune(topic)), 1)
		if !known.Found {
			return usageError("nothing is known of %s", topic)
		}
		data = known.Data
	}
	x.payload = append(x.payload, map[string]any{"source": "page", "start": 0, "data": data})
	return nil
}

func overview() string {
	var b strings.Builder
	b.WriteString("A cell holds Go: imports, declarations and statements in any order. The value of a\nlast expression is shown; a semicolon behind it hides it. Beside Go, a cell knows:\n\n")
	var rows [][]string
	for _, key := range slices.Sorted(maps.Keys(magics)) {
		rows = append(rows, []string{"  " + magics[key].usage, magics[key].does})
	}
	b.WriteString(columns(rows))
	b.WriteString("\nNAME? shows what is known of a name, as Shift-Tab behind it does.\n")
	return b.String()
}

// helpTopic tells whether a cell only asks for help: "NAME?" or "?NAME" or "?".
func helpTopic(code string) (topic string, ok bool) {
	code = strings.TrimSpace(code)
	if strings.ContainsAny(code, "\n \t\"'`") || !strings.Contains(code, "?") {
		return "", false
	}
	return strings.Trim(code, "?"), strings.HasPrefix(code, "?") || strings.HasSuffix(code, "?")
}

func keysOf(m map[string]string) iter.Seq[string] { return maps.Keys(m) }
