package session

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"braid/kernel/modules"
	"braid/kernel/modules/proxytest"
	"braid/kernel/worker"
)

// withModules opens a notebook in a folder of its own, with the modules of proxytest.
func withModules(t *testing.T, p modules.Policy) *notebook {
	t.Helper()
	proxytest.Set(t)
	return open(t, Options{Engine: "vm", Modules: p, Worker: worker.Options{Dir: t.TempDir()}})
}

// shows wants the value of a cell's last expression.
func (n *notebook) shows(code, want string) {
	n.t.Helper()
	out, p := n.run(code)
	if out.Err != nil {
		n.t.Errorf("In[%d] %s failed:\n%s", n.count, code, plain(out.Err))
	} else if got := p.result(); got != want {
		n.t.Errorf("In[%d] %s\n\tshows %s\n\twant  %s", n.count, code, got, want)
	}
}

// failsWith wants a cell to fail with a text in its traceback.
func (n *notebook) failsWith(code, want string) {
	n.t.Helper()
	if got := n.fails(code); !strings.Contains(got, want) {
		n.t.Errorf("In[%d] %s: got\n%s\nwant\n%s", n.count, code, got, want)
	}
}

func TestModulesInCells(t *testing.T) {
	n := withModules(t, modules.Fetch)
	n.shows("import \"example.com/greet\"\ng := greet.To(\"Ann\")\ng", "hello, Ann (1)")
	n.shows("greet.To(\"Ann\").Times, greet.To(\"Bo\").Times", "2, 1")
	n.shows("func again(name string) int { return greet.To(name).Times }\nagain(\"Ann\")", "3")
	n.shows("type Wrapped struct{ greet.Greeting }\nimport \"encoding/json\"\nb, err := json.Marshal(Wrapped{g})\nstring(b), err", `"{\"name\":\"Ann\",\"times\":1}", <nil>`)
	n.shows("import \"fmt\"\nfmt.Sprintf(\"%T %v %+v\", g, g, Wrapped{g})", `"greet.Greeting hello, Ann (1) hello, Ann (1)"`)
	n.shows("import words2 \"example.com/words\"\nwords2.Version(), greet.Words()", `"v1.0.0", "v1.0.0"`)
	if got := n.ok("%get"); got != "example.com/greet  v1.0.0\nexample.com/words  v1.0.0\n" {
		t.Errorf("%%get lists %q", got)
	}
}

func TestModulesMeetTheStandardLibrary(t *testing.T) {
	n := withModules(t, modules.Fetch)
	n.shows("import \"example.com/shapes\"\nshapes.Sum(1, 2, 3), shapes.Sum(0.5, 1)", "6, 1.5")
	n.shows("import \"fmt\"\ns := new(shapes.Stack[string]).Push(\"a\").Push(\"b\")\nt := \"\"\nfor i, x := range s.All() { t += fmt.Sprint(i, x) }\ns.Len(), t\n", `2, "0b1a"`)
	n.shows("type P struct{ X int }\nimport \"fmt\"\nfmt.Sprintf(\"%T %v\", new(shapes.Stack[P]).Push(P{1}), new(shapes.Stack[P]).Push(P{1}))", `"*shapes.Stack[main.P] &{[{1}]}"`)
	n.shows("import \"sort\"\nl := shapes.ByArea{shapes.NewSquare(3), shapes.NewSquare(1)}\nsort.Sort(l)\nshapes.Describe(l[0])", `"a square of area 1"`)
	n.shows("sort.Sort(shapes.Reversed{l})\nl[0].Area()", "9")
	n.shows("import \"errors\"\nvar p *shapes.Problem\ne := shapes.Fail(\"look\")\ne, errors.Is(e, shapes.ErrEmpty), errors.As(e, &p), p.Op", `look: shapes: empty, true, true, "look"`)
	n.shows("shapes.Encode(map[string]shapes.Temperature{\"t\": 20.5})", `"{\n \"t\": \"20.5°\"\n}\n"`)
	n.shows("import \"encoding/json\"\nvar c shapes.Temperature\nerr := json.Unmarshal([]byte(`\"21.5°\"`), &c)\nfloat64(c), err", "21.5, <nil>")
	n.shows("import (\"io\"; \"strings\")\nb, err2 := io.ReadAll(shapes.Twice{strings.NewReader(\"abc\")})\nstring(b), err2", `"aabbcc", <nil>`)
	// A type of a cell under an interface of the module's.
	n.shows("type Disc struct { shapes.Square; R float64 }\nfunc (d Disc) Area() float64 { return 3 * d.R * d.R }\nshapes.Describe(Disc{shapes.NewSquare(1), 2})", `"a square of area 12"`)
	n.failsWith("type Mine struct{}\nfunc (Mine) Area() float64 { return 1 }\nfunc (Mine) private() string { return \"\" }\nshapes.Describe(Mine{})", "unexported method private")
	// The language version is that of each module.
	n.shows("import \"example.com/old\"\nsum := 0\nfor _, f := range shapes.Funcs() { sum += f() }\nsum2 := 0\nfor _, f := range old.Funcs() { sum2 += f() }\nsum, sum2\n", "3, 9")
}

func TestModulesAreInitialisedInOrder(t *testing.T) {
	n := withModules(t, modules.Fetch)
	n.shows("import \"example.com/order\"\norder.Log()", "[b a order.second order.first order.init 1 order.init 2]")
	n.shows("import \"example.com/order\"\nlen(order.Log()), order.First()", "6, 3")
}

// A package is initialised by the first cell that imports it and runs.
func TestInitialisationBelongsToTheCell(t *testing.T) {
	n := withModules(t, modules.Fetch)
	n.failsWith("import \"example.com/chatty\"\nvar x string = chatty.Here", "cannot use chatty.Here")
	if got := n.ok("1 + 1"); got != "" {
		t.Errorf("a cell that has nothing to do with it printed %q", got)
	}
	if got := n.ok("import _ \"example.com/chatty\""); got != "chatty is ready\n" {
		t.Errorf("the import printed %q", got)
	}
	out, p := n.run("import . \"example.com/chatty\"\nHere + There")
	if out.Err != nil || p.text("stdout") != "" || p.result() != "0" {
		t.Errorf("again: %+v, %q, %s", out.Err, p.text("stdout"), p.result())
	}
}

// Code that asks for its caller is told the cell and the line.
func TestCallersAreCells(t *testing.T) {
	n := withModules(t, modules.Fetch)
	n.shows("import \"example.com/where\"\nfunc f() string {\n\treturn where.Called()\n}\nf()", `"In[1]:3"`)
	n.shows("where.Own()", `"example.com/where@v1.0.0/where.go:16"`)
	n.ok(`import (
	"fmt"
	"runtime"
)
type T struct{}
func (*T) Stack() (names []string) {
	pcs := make([]uintptr, 9)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	for {
		f, more := frames.Next()
		names = append(names, fmt.Sprint(f.Function, " ", f.File, ":", f.Line))
		if !more {
			return names
		}
	}
}`)
	n.shows("func g() []string { return new(T).Stack() }\ng()", "[main.(*T).Stack In[3]:8 main.g In[4]:1 main.main In[4]:2]")
	n.shows("pc, _, line, ok := runtime.Caller(0)\nfn := runtime.FuncForPC(pc - 1)\nfile, line2 := fn.FileLine(pc)\nfn.Name(), file, line == line2, ok", `"main.main", "In[5]", true, true`)
	n.shows("_, _, _, ok2 := runtime.Caller(9)\nok2, runtime.Callers(9, make([]uintptr, 9)), runtime.FuncForPC(1<<62 + 1<<40) == nil, runtime.CallersFrames(nil) != nil", "false, 0, true, true")
}

func TestFilesOfModules(t *testing.T) {
	n := withModules(t, modules.Fetch)
	n.shows("import \"example.com/tagged\"\ntagged.Way(), tagged.System", `"pure Go", "unix"`)
	n.shows("import \"example.com/go-named\"\nimport \"fmt\"\nfmt.Sprintf(\"%T %T\", named.Thing{}, &named.Thing{})", `"named.Thing *named.Thing"`)
	n.shows("import \"example.com/static\"\nb, err := static.Files.ReadFile(\"text/more/bye.txt\")\nstatic.Hello, string(static.Bytes), string(b), err", `"hello, file\n", "hello, file\n", "bye, file\n", <nil>`)
	n.shows("import \"io/fs\"\nvar names []string\nfs.WalkDir(static.Files, \".\", func(path string, d fs.DirEntry, err error) error { names = append(names, path); return err })\nnames", "[. text text/hello.txt text/more text/more/bye.txt]")
}

func TestModulesThatCannotRun(t *testing.T) {
	n := withModules(t, modules.Fetch)
	n.failsWith("import \"example.com/cgo\"\ncgo.One()", "In[1]:1:8: package example.com/cgo cannot be used in a cell: its file cgo.go needs cgo")
	n.shows("import \"example.com/asm\"\nasm.Half(4)", "2")
	// Named in the cell: nothing of it runs.
	out, p := n.run("print(\"began\")\nasm.Add(1, 2)")
	if out.Err == nil || out.Err.EName != "Unsupported" || p.text("stderr") != "" || !strings.Contains(plain(out.Err), "example.com/asm.Add cannot be run in a cell: it is written in assembly (add_") {
		t.Errorf("asm.Add: %+v, stderr %q", out.Err, p.text("stderr"))
	}
	// Further down: it ends the cell when it is reached, whatever recovers.
	out, p = n.run("func try() { defer func() { recover() }(); asm.Double(2) }\nimport \"fmt\"\nfmt.Println(\"began\")\ntry()\nfmt.Println(\"went on\")")
	if out.Err == nil || out.Err.EName != "Unsupported" || p.text("stdout") != "began\n" {
		t.Errorf("asm.Double: %+v, stdout %q", out.Err, p.text("stdout"))
	}
	n.failsWith("import \"example.com/broken\"", "In[5]:1:8: package example.com/broken cannot be used in a cell: example.com/broken@v1.0.0/broken.go:3:39: cannot use len(s)")
	n.failsWith("import \"example.com/program\"", "is a program, not an importable package")
	n.shows("asm.Half(6)", "3")
}

func TestModulesThatAreNotThere(t *testing.T) {
	n := withModules(t, modules.Fetch)
	n.failsWith("import \"fmt\"\nimport \"example.com/gret\"\nfmt.Println(gret.X)", "In[1]:2:8: package example.com/gret cannot be imported: there is no module example.com/gret that can be had; look for a typo in the path\n    2 │ import \"example.com/gret\"\n      │        ^")
	n.failsWith("import \"example.com/greet/internal/count\"", "use of internal package")
	n.failsWith("import \"strngs\"", "package strngs is not in std; did you mean \"strings\"?")
	n.failsWith("import \"example.com/greet\"\nx := greet.Nobody", "undefined: greet.Nobody")
	n.failsWith("%get example.com/words@v7", "there is no version that matches v7")
	n.failsWith("%get -u example.com/words", "%get takes no flags")
	n.shows("import \"example.com/greet\"\ngreet.Words()", `"v1.0.0"`)
}

func TestVersionsOfModules(t *testing.T) {
	n := withModules(t, modules.Fetch)
	out, p := n.run("%get example.com/words@v1.0.0\nimport \"example.com/words\"\nwords.Version()")
	if out.Err != nil || p.result() != `"v1.0.0"` {
		t.Fatalf("%+v %s", out.Err, p.result())
	}
	n.failsWith("import \"example.com/loud\"", "it needs example.com/words v1.1.0, but this session runs v1.0.0 already; write %get example.com/words@v1.1.0, then %restart_worker, and import it again; a notebook that imports both in one cell gets one version")
	if got := n.ok("%get example.com/words@v1.1.0"); got != "upgraded example.com/words v1.0.0 => v1.1.0\nThe session runs other versions already; %restart_worker makes it run these.\n" {
		t.Errorf("%q", got)
	}
	n.shows("words.Version()", `"v1.0.0"`)
	n.ok("func version() string { return words.Version() }")
	n.ok("%restart_worker")
	n.shows("version()", `"v1.1.0"`)
	n.shows("import \"example.com/loud\"\nloud.Bye()", `"bye!"`)
	n.ok("%reset")
	n.shows("import \"example.com/words\"\nwords.Version()", `"v1.1.0"`) // the latest again
}

func TestModulesOutliveTheWorker(t *testing.T) {
	n := withModules(t, modules.Fetch)
	n.ok("import \"example.com/greet\"\nfunc times(name string) int { return greet.To(name).Times }")
	n.shows("times(\"Ann\") + times(\"Ann\")", "3")
	n.failsWith("import (\"os\"; \"syscall\")\nsyscall.Kill(os.Getpid(), syscall.SIGKILL)\nselect {}", "WorkerLost")
	n.shows("times(\"Ann\")", "1") // the variables of packages are new
	n.shows("greet.To(\"Bo\")", "hello, Bo (1)")
}

func TestModulesInAProcessPool(t *testing.T) {
	n := withModules(t, modules.Fetch)
	n.ok("import (\n\t\"braid/runtime/futures\"\n\t\"example.com/order\"\n)\nfunc logged(n int) int { return n * len(order.Log()) }")
	n.shows("pool, err := futures.NewProcessPoolExecutor(1)\nif err != nil {\n\tpanic(err)\n}\nvar got any\npool.With(nil, func() {\n\tf, _ := pool.Submit(nil, logged, 2)\n\tgot, err = f.Result(nil)\n})\ngot, err", "12, <nil>")
}

// Code that sees methods by reflection would miss one that comes too late.
func TestMethodsAfterAReflectiveModule(t *testing.T) {
	n := withModules(t, modules.Fetch)
	n.ok("type T struct{}\nvar v any = T{}\nimport \"example.com/greet\"\ngreet.Words()")
	n.ok("func (T) Early() {}") // nothing of this module reflects
	n.failsWith("import \"example.com/mirror\"\nmirror.Methods(v)", "package example.com/mirror would not see method T.Early")
	n.ok("%reset")
	n.ok("type T struct{}\nvar v any = T{}\nimport \"example.com/mirror\"\nmirror.Methods(v)")
	n.failsWith("func (T) Late() {}", "method Late was declared after values of T had been made")
}

func TestInitialisationThatFails(t *testing.T) {
	n := withModules(t, modules.Fetch)
	n.ok("import \"os\"\nos.Setenv(\"EXAMPLE_PANICS\", \"1\")")
	n.failsWith("import \"example.com/panics\"\npanics.Tries", "panics: not ready")
	n.shows("1 + 1", "2")
	n.failsWith("import \"example.com/panics\"\npanics.Tries", "panics: not ready")
	n.ok("os.Unsetenv(\"EXAMPLE_PANICS\")")
	n.shows("panics.Tries", "1")
}

func TestInterruptOfInitialisation(t *testing.T) {
	n := withModules(t, modules.Fetch)
	n.ok("import \"os\"\nos.Setenv(\"EXAMPLE_FOREVER\", \"1\")")
	ctx, cancel := context.WithCancel(t.Context())
	p := newPage()
	n.s.modules.Plausible("") // the resolver is there
	done := make(chan Outcome, 1)
	go func() {
		done <- n.s.Run(ctx, Request{Code: "import \"example.com/forever\"\nforever.Ready", Count: 9, StoreHistory: true}, p)
	}()
	for n.s.importer.Load().Known("example.com/forever") == nil || len(n.s.Census()) == 0 {
		if ctx.Err() != nil {
			t.Fatal(ctx.Err())
		}
	}
	cancel()
	if out := <-done; !out.Interrupted {
		t.Errorf("%+v", out)
	}
	n.ok("os.Unsetenv(\"EXAMPLE_FOREVER\")")
	n.shows("import \"example.com/forever\"\nforever.Ready", "true")
}

func TestInterruptOfAFetch(t *testing.T) {
	n := withModules(t, modules.Fetch)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out := n.s.Run(ctx, Request{Code: "import \"example.com/greet\"", Count: 1, StoreHistory: true}, newPage())
	if !out.Interrupted {
		t.Errorf("%+v", out)
	}
	n.shows("import \"example.com/greet\"\ngreet.Words()", `"v1.0.0"`)
}

func TestModulePolicies(t *testing.T) {
	n := withModules(t, modules.Off)
	n.failsWith("import \"example.com/greet\"", "third-party modules are switched off here")
	n.failsWith("%get example.com/greet", "third-party modules are switched off here")
	n.failsWith("import \"strngs\"", "package strngs is not in std; did you mean \"strings\"?")
}

func TestOnlyTheVMRunsModules(t *testing.T) {
	proxytest.Set(t)
	n := open(t, Options{Engine: "yaegi", Worker: worker.Options{Dir: t.TempDir()}})
	n.failsWith("import \"example.com/greet\"", "the engine yaegi cannot run third-party modules; choose the engine vm")
}

// A notebook that lies in a module sees its packages, as they are when the worker
// starts.
func TestModuleOfTheNotebook(t *testing.T) {
	proxytest.Set(t)
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module mine\n\ngo 1.24\n\nrequire example.com/words v1.0.0\n")
	write("lib/lib.go", "package lib\n\nimport \"example.com/words\"\n\nfunc Text() string { return words.Version() + \" one\" }\n")
	n := open(t, Options{Engine: "vm", Worker: worker.Options{Dir: root}})
	n.shows("import \"mine/lib\"\nlib.Text()", `"v1.0.0 one"`)
	write("lib/lib.go", "package lib\n\nfunc Text() string { return \"two\" }\n")
	n.shows("lib.Text()", `"v1.0.0 one"`)
	n.ok("%restart_worker")
	n.shows("lib.Text()", `"two"`)
	write("lib/lib.go", "package lib\n\nfunc Text() string { return 3 }\n")
	n.ok("%restart_worker")
	n.failsWith("lib.Text()", "undefined: lib")
	n.failsWith("import \"mine/lib\"", "cannot use 3")
}

func TestAssistanceForModules(t *testing.T) {
	n := withModules(t, modules.Fetch)
	n.ok("import \"example.com/greet\"\ng := greet.To(\"Ann\")")
	for code, want := range map[string]string{"greet.T": "To", "g.Str": "String", "g.Na": "Name", "import \"example.com/g": "example.com/greet"} {
		c := n.s.Complete(code, len(code))
		if len(c.Matches) == 0 || c.Matches[0] != want {
			t.Errorf("%s: %s", code, c.Matches)
		}
	}
	for code, want := range map[string]string{
		"greet.To": "To greets a person, and counts how often it did.", "greet": "Package greet greets people.",
		"g.String": "String writes the greeting out.", "g.Name": "Name is whom it is for.", "greet.Greeting": "Greeting is what one person is told.",
	} {
		i := n.s.Inspect(code, len(code), 1)
		if text, _ := i.Data["text/plain"].(string); !strings.Contains(text, want) {
			t.Errorf("%s: %s", code, text)
		}
	}
}

// Functions are compiled when they are called, by whichever goroutine is first.
func TestGoroutinesMeetInModules(t *testing.T) {
	n := withModules(t, modules.Fetch)
	n.shows(`import (
	"example.com/greet"
	"example.com/shapes"
	"fmt"
	"sync"
)
var mu sync.Mutex
total := 0
var wg sync.WaitGroup
for i := range 16 {
	wg.Go(func() {
		a := len(shapes.Encode(shapes.Temperature(1))) + len(shapes.Describe(shapes.NewSquare(2)))
		b := shapes.Sum(1, 2) + len(fmt.Sprint(greet.Greeting{Name: "x", Times: i / 16}, shapes.Fail("f")))
		mu.Lock()
		defer mu.Unlock()
		total += a + b
	})
}
wg.Wait()
total`, "928")
}
