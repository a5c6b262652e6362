package yaegi

import (
	"fmt"
	"go/token"
	"os"
	"strings"
	"sync"
	"testing"

	"braid/kernel/cell"
	"braid/kernel/check"
	"braid/kernel/check/exportdata"
	"braid/kernel/eval"
	"braid/kernel/eval/host"
	"braid/kernel/lower"
)

// collected is where the host's events go.
var collected struct {
	mu     sync.Mutex
	stdout map[int]*strings.Builder
	stderr map[int]*strings.Builder
	result map[int]string
	errors map[int]*eval.Error
}

func take(ev eval.Event) {
	c := &collected
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case ev.Stream != nil:
		to := c.stdout
		if ev.Stream.Name == "stderr" {
			to = c.stderr
		}
		if to[ev.Cell] == nil {
			to[ev.Cell] = &strings.Builder{}
		}
		to[ev.Cell].WriteString(ev.Stream.Text)
	case ev.Result != nil:
		c.result[ev.Cell], _ = ev.Result.Data["text/plain"].(string)
	case ev.Error != nil:
		c.errors[ev.Cell] = ev.Error
	}
}

func TestMain(m *testing.M) {
	collected.stderr = map[int]*strings.Builder{}
	collected.stdout, collected.result, collected.errors = map[int]*strings.Builder{}, map[int]string{}, map[int]*eval.Error{}
	host.SetSink(take)
	os.Exit(m.Run())
}

var (
	lastID  int
	shared  = token.NewFileSet()
	library = exportdata.NewImporter(shared)
)

// notebook runs cells as a session does.
type notebook struct {
	state  *check.State
	lower  *lower.Lowerer
	engine *Engine
	n      int
	begun  func(*host.Run) // called once, when the next run begins
}

func newNotebook() *notebook {
	return &notebook{state: check.NewState(shared, library), lower: lower.New(), engine: New()}
}

// outcome is what a cell did.
type outcome struct {
	stdout, stderr, result string
	err                    *eval.Error
	lowered                string
}

func (nb *notebook) run(src string) outcome {
	nb.n++
	lastID++
	id, name := lastID, fmt.Sprintf("In[%d]", nb.n)
	c, ds := cell.Parse(shared, name, src)
	if e := firstError(ds); e != nil {
		return outcome{err: e}
	}
	k, ds := nb.state.Check(c)
	if k == nil {
		return outcome{err: firstError(ds)}
	}
	p, err := nb.lower.Checked(id, name, shared, k)
	if err != nil {
		return outcome{err: err}
	}
	p.Source = src
	nb.state = k.Next
	r := host.Begin(id, name, host.Config{Source: src})
	if nb.begun != nil {
		nb.begun(r)
		nb.begun = nil
	}
	r.Do(func() { err = nb.engine.Run(p) })
	rep := r.End()
	host.Flush()
	if rep.Err != nil {
		err = rep.Err
	}
	collected.mu.Lock()
	defer collected.mu.Unlock()
	o := outcome{result: collected.result[id], err: err, lowered: p.Lowered}
	if b := collected.stdout[id]; b != nil {
		o.stdout = b.String()
	}
	if b := collected.stderr[id]; b != nil {
		o.stderr = b.String()
	}
	return o
}

func firstError(ds []cell.Diagnostic) *eval.Error {
	for _, d := range ds {
		if d.Severity == cell.Error {
			return &eval.Error{Name: eval.CompileError, Value: d.Msg, Pos: d.Pos}
		}
	}
	return nil
}
