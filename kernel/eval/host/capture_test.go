//go:build unix

package host

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"

	"braid/kernel/eval"
)

// Descriptors belong to the whole process, so these tests run in children: each
// scenario is the code of a cell, run with captured descriptors in a child that
// reports events on descriptor 3.

const scenarioVariable = "BRAID_HOST_SCENARIO"

type scenario struct {
	config Config
	lines  []string // what the front end answers, then "\x04"
	cell   func()
}

var scenarios = map[string]scenario{
	"raw and ordered": {cell: func() {
		for i := range 200 {
			println_("a", i)
			os.Stdout.WriteString(fmt.Sprintln("b", i))
			fmt.Fprintln(os.Stdout, "c", i) // native code, not the overlay's
			syscall.Write(1, []byte(fmt.Sprintln("d", i)))
		}
	}},
	"streams": {cell: func() {
		print_("1 ")
		os.Stderr.WriteString("2 ")
		print_("3 ")
		symbol[func(io.Writer, ...any) (int, error)]("fmt", "Fprint")(os.Stderr, "4 ")
		os.Stdout.WriteString("5 ")
		symbol[func(...any) (int, error)]("fmt", "Print")("6 ")
		println("7") // the builtin of native code
		print_("8\n")
	}},
	"libraries": {cell: func() {
		log.SetFlags(0)
		log.Print("log")
		slog.Info("slog")
		symbol[func(io.Writer, string, int) *log.Logger]("log", "New")(os.Stderr, "new ", 0).Print("log")
		w := bufio.NewWriter(os.Stdout)
		w.WriteString("bufio\n")
		w.Flush()
		println_("between")
		json.NewEncoder(os.Stdout).Encode(map[string]int{"x": 1})
		println_("between")
		template.Must(template.New("").Parse("{{.}}\n")).Execute(os.Stdout, "template")
	}},
	"subprocess": {cell: func() {
		println_("before")
		cmd := exec.Command("sh", "-c", "echo out; echo err >&2; echo out again")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			panic(err)
		}
		println_("after")
	}},
	"large": {cell: func() {
		big := bytes.Repeat([]byte("0123456789abcde\n"), 5<<20/16)
		os.Stdout.Write(big)
		Stdout().Write(big)
		println_("end")
	}},
	"swapped stdout": {cell: func() {
		old := os.Stdout
		r, w, _ := os.Pipe()
		os.Stdout = w
		println_("captured by the learner")
		w.Close()
		os.Stdout = old
		text, _ := io.ReadAll(r)
		print_("got: ", string(text))
	}},
	"exit": {cell: func() {
		defer os.Stdout.WriteString("unheard\n")
		os.Stdout.WriteString("heard\n")
		exit(1)
	}},
	"scan": {lines: []string{"3 4", "x"}, cell: func() {
		var a, b int
		var s string
		scan := symbol[func(...any) (int, error)]("fmt", "Scan")
		n, err := scan(&a, &b)
		m, err2 := scan(&s)
		println_(n, err, a, b, m, err2, s)
	}},
	"scanner": {lines: []string{"one", "", "日本"}, cell: func() {
		in := symbol[func(io.Reader) *bufio.Scanner]("bufio", "NewScanner")(os.Stdin)
		for in.Scan() {
			println_("line", in.Text())
		}
		println_(in.Err())
	}},
	"native scanner": {lines: []string{"one", "", "日本"}, cell: func() {
		in := bufio.NewScanner(os.Stdin)
		for in.Scan() {
			println_("line", in.Text())
		}
		println_(in.Err())
	}},
	"native ReadAll": {lines: []string{"one", "two"}, cell: func() {
		text, err := io.ReadAll(os.Stdin)
		println_(string(text), err)
	}},
	"mixed readers": {lines: []string{"1 2", "3"}, cell: func() {
		var a, b, c int
		fmt.Fscan(os.Stdin, &a) // native, reads byte by byte
		scan := symbol[func(...any) (int, error)]("fmt", "Scan")
		scan(&b, &c)
		println_(a, b, c)
	}},
	"no input": {cell: func() {
		symbol[func(...any) (int, error)]("fmt", "Scan")(new(int))
	}},
	"no native input": {cell: func() {
		_, err := bufio.NewReader(os.Stdin).ReadString('\n')
		Check()
		println_("not reached", err)
	}},
}

func init() { scenarioMain = runScenario }

func runScenario(name string) {
	s, ok := scenarios[name]
	report := json.NewEncoder(os.NewFile(3, "report"))
	if !ok {
		os.Exit(3)
	}
	if err := Capture(); err != nil {
		report.Encode(err.Error())
		os.Exit(3)
	}
	SetSink(func(ev eval.Event) { report.Encode(ev) })
	if s.lines != nil {
		s.config.AllowStdin = true
		s.config.Input = func(eval.InputRequest) (string, error) {
			if len(s.lines) == 0 {
				return "\x04", nil
			}
			answer := s.lines[0]
			s.lines = s.lines[1:]
			return answer, nil
		}
	}
	s.config.Source = "os.Stdout os.Stdin"
	r := Begin(1, "In[1]", s.config)
	r.Do(s.cell)
	if rep := r.End(); rep.Err != nil {
		report.Encode(eval.Event{Cell: 1, Error: rep.Err})
	}
	os.Exit(0)
}

// child runs a scenario and returns its text, changes of stream marked, and error.
func child(t *testing.T, name string) (string, *eval.Error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), scenarioVariable+"="+name)
	cmd.ExtraFiles = []*os.File{w}
	var outside bytes.Buffer
	cmd.Stdout, cmd.Stderr = &outside, &outside
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	timer := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer timer.Stop()
	var all strings.Builder
	var failed *eval.Error
	stream := "stdout"
	for dec := json.NewDecoder(r); ; {
		var ev eval.Event
		if err := dec.Decode(&ev); err != nil {
			if err != io.EOF {
				t.Errorf("report: %v", err)
			}
			break
		}
		if ev.Error != nil {
			failed = ev.Error
		} else if ev.Stream.Name != stream {
			stream = ev.Stream.Name
			fmt.Fprintf(&all, "<%s>", stream)
		}
		if ev.Stream != nil {
			all.WriteString(ev.Stream.Text)
		}
	}
	if err := cmd.Wait(); err != nil || outside.Len() > 0 {
		t.Errorf("child: %v\n%s", err, &outside)
	}
	return all.String(), failed
}

func TestCapture(t *testing.T) {
	ordered := ""
	for i := range 200 {
		ordered += fmt.Sprintf("a %d\nb %d\nc %d\nd %d\n", i, i, i, i)
	}
	large := strings.Repeat("0123456789abcde\n", 2*5<<20/16) + "end\n"
	for name, want := range map[string]string{
		"raw and ordered": ordered,
		"streams":         "1 <stderr>2 <stdout>3 <stderr>4 <stdout>5 6 <stderr>7\n<stdout>8\n",
		"libraries":       "<stderr>log\nINFO slog\nnew log\n<stdout>bufio\nbetween\n{\"x\":1}\nbetween\ntemplate\n",
		"swapped stdout":  "got: captured by the learner\n",
		"exit":            "heard\n",
		"large":           large,
		"scan":            "2 <nil> 3 4 1 <nil> x\n",
		"scanner":         "line one\nline \nline 日本\n<nil>\n",
		"native scanner":  "line one\nline \nline 日本\n<nil>\n",
		"native ReadAll":  "one\ntwo\n <nil>\n",
		"mixed readers":   "1 2 3\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, failed := child(t, name)
			if got != want {
				t.Errorf("got  %.400q\nwant %.400q", got, want)
			}
			if failed != nil && name != "exit" {
				t.Errorf("error %v", failed)
			}
		})
	}
	t.Run("subprocess", func(t *testing.T) {
		got, _ := child(t, "subprocess")
		// The two pipes of a child process have no order between them.
		if got := strings.NewReplacer("<stderr>err\n<stdout>", "").Replace(got); got != "before\nout\nout again\nafter\n" && !strings.Contains(got, "<stderr>err\n") {
			t.Errorf("got %q", got)
		}
	})
	for _, name := range []string{"no input", "no native input"} {
		t.Run(name, func(t *testing.T) {
			got, failed := child(t, name)
			if failed == nil || failed.Name != eval.StdinError || got != "" {
				t.Errorf("got %q, %v", got, failed)
			}
		})
	}
}
