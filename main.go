// Command braid is a Jupyter kernel for Go and the tools around it: it installs
// itself into Jupyter, opens JupyterLab, and executes notebooks by itself.
//
// Exit codes: 0 all went well; 1 something failed (a cell, a check of doctor);
// 2 the command line is wrong; 130 ended by Ctrl-C.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"braid/install"
	"braid/kernel"
	"braid/kernel/eval"
	"braid/kernel/eval/vm"
	"braid/kernel/eval/yaegi"
	"braid/kernel/modules"
	"braid/kernel/session"
	"braid/kernel/worker"
	"braid/notebooks"
	"braid/notebooks/execute"
	"braid/notebooks/execute/render"
	"braid/notebooks/nbformat"
)

// version names this braid; releases set it when linking (-X main.version=…).
var version = ""

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// Exit codes of the command.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// errReported ends a command with exitFailed when all has been said already.
var errReported = errors.New("already reported")

func run(args []string, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	started := false // whether cobra found nothing wrong with the command line
	commands := root.Commands()
	for _, c := range root.Commands() {
		commands = append(commands, c.Commands()...)
	}
	for _, c := range commands {
		if do := c.RunE; do != nil {
			c.RunE = func(cmd *cobra.Command, args []string) error {
				started = true
				return do(cmd, args)
			}
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd, err := root.ExecuteContextC(ctx)
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case !started || errors.As(err, &usage):
		fmt.Fprintf(stderr, "braid: %v\nSee: %s --help\n", err, cmd.CommandPath())
		return exitUsage
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		fmt.Fprintln(stderr, "braid: interrupted")
		return exitInterrupted
	case !errors.Is(err, errReported):
		fmt.Fprintf(stderr, "braid: %v\n", err)
	}
	return exitFailed
}

// usageError is an error that a look at --help would have avoided.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "braid",
		Short: "Go in Jupyter notebooks",
		Long: `Braid runs Go in Jupyter notebooks.

To begin:            braid lab
Without Jupyter:     braid run notebook.ipynb --html
For your Jupyter:    braid install`,
		Version:       braidVersion(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("braid {{.Version}}\n")
	root.AddGroup(&cobra.Group{ID: "work", Title: "Work with notebooks:"}, &cobra.Group{ID: "set", Title: "Set up Jupyter:"})
	for _, c := range []*cobra.Command{labCommand(), courseCommand(), runCommand()} {
		c.GroupID = "work"
		root.AddCommand(c)
	}
	for _, c := range []*cobra.Command{installCommand(), uninstallCommand(), doctorCommand()} {
		c.GroupID = "set"
		root.AddCommand(c)
	}
	root.AddCommand(kernelCommand(), workerCommand())
	return root
}

// braidVersion is the linked version, else the commit that was built.
func braidVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return strings.TrimPrefix(v, "v")
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return "devel-" + s.Value[:min(12, len(s.Value))]
		}
	}
	return "devel"
}

// --- engine and limits, shared by kernel and run ---

// engines are what can run cells, by name. The worker process makes the one
// that its kernel asks for.
var engines = map[string]func() eval.Engine{
	"vm":    func() eval.Engine { return vm.New() },
	"yaegi": func() eval.Engine { return yaegi.New() },
}

const defaultEngine = "vm"

// engineFlags choose the engine that runs cells, and what cells may use. Each
// can be set by an environment variable, too: graders set those for kernels
// that Jupyter starts.
type engineFlags struct {
	engine, memory, output, goroutines, cellTimeout, modules, autoImports setting
}

// setting is a flag that falls back on an environment variable.
type setting struct {
	flag, env, text string
}

func (s *setting) String() string     { return s.text }
func (s *setting) Set(v string) error { s.text = v; return nil }
func (s *setting) Type() string       { return "string" }

func (s *setting) register(f *pflag.FlagSet, name, env, usage string) {
	s.flag, s.env = name, env
	f.Var(s, name, usage+" (or $"+env+")")
}

// value is the flag's value or the variable's, and which of them it is.
func (s *setting) value() (text, source string) {
	if s.text != "" {
		return s.text, "--" + s.flag
	}
	return os.Getenv(s.env), s.env
}

func (e *engineFlags) register(f *pflag.FlagSet) {
	e.engine.register(f, "engine", "BRAID_ENGINE", "run cells with this `ENGINE`: "+strings.Join(engineNames(), " or "))
	e.memory.register(f, "max-memory", "BRAID_MEMORY", "most memory that cells may use, a `SIZE` such as 512MiB")
	e.output.register(f, "max-output", "BRAID_OUTPUT", "most text that a cell may write, a `SIZE` such as 1MB")
	e.goroutines.register(f, "max-goroutines", "BRAID_GOROUTINES", "`NUMBER` of goroutines that may live at the same time")
	e.cellTimeout.register(f, "cell-timeout", "BRAID_CELL_TIMEOUT", "longest `TIME` that a cell may run, such as 30s; then it fails")
	e.modules.register(f, "modules", "BRAID_MODULES", "where third-party modules may come from: `WHERE` is fetch (the network), cache (what was fetched before) or off; under limits and nbgrader cache, else fetch")
	e.autoImports.register(f, "auto-imports", "BRAID_AUTO_IMPORTS", "whether cells may use packages of Go and Braid that they don't import, `on` (the default) or off")
}

func engineNames() []string {
	names := make([]string, 0, len(engines))
	for name := range engines {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (e *engineFlags) name() (string, error) {
	text, source := e.engine.value()
	name := cmp.Or(text, defaultEngine)
	if engines[name] == nil {
		return "", usageError{fmt.Errorf("%s: there is no engine %q; choose %s", source, name, strings.Join(engineNames(), " or "))}
	}
	return name, nil
}

func (e *engineFlags) limits() (l eval.Limits, err error) {
	read := func(s *setting, parse func(string) error) {
		text, source := s.value()
		if text == "" {
			return
		}
		if bad := parse(text); bad != nil {
			err = errors.Join(err, usageError{fmt.Errorf("%s: %w", source, bad)})
		}
	}
	read(&e.memory, func(s string) (err error) { l.Memory, err = size(s); return })
	read(&e.output, func(s string) (err error) { l.Output, err = size(s); return })
	read(&e.goroutines, func(s string) (err error) {
		if l.Goroutines, err = strconv.Atoi(s); err != nil || l.Goroutines < 0 {
			return fmt.Errorf("%q is no number of goroutines", s)
		}
		return nil
	})
	read(&e.cellTimeout, func(s string) error {
		d, err := time.ParseDuration(s)
		if err != nil || d < 0 {
			return fmt.Errorf("%q is no time; write it as 30s or 2m", s)
		}
		l.Seconds = d.Seconds()
		return nil
	})
	return l, err
}

// size reads bytes, written as 512MiB, 1.5GB or 4096.
func size(s string) (int64, error) {
	n, err := humanize.ParseBytes(s)
	if err != nil || n > math.MaxInt64 {
		return 0, fmt.Errorf("%q is no size; write it as 512MiB or 1GB", s)
	}
	return int64(n), nil
}

// open starts a session whose cells run in the folder dir.
func (e *engineFlags) open(dir string) (*session.Session, error) {
	o, err := e.options(dir)
	if err != nil {
		return nil, err
	}
	return session.New(o)
}

func (e *engineFlags) options(dir string) (session.Options, error) {
	name, err := e.name()
	if err != nil {
		return session.Options{}, err
	}
	limits, err := e.limits()
	if err != nil {
		return session.Options{}, err
	}
	policy, err := e.modulePolicy(limits)
	if err != nil {
		return session.Options{}, err
	}
	explicit, err := e.explicitImports()
	return session.Options{Engine: name, Modules: policy, ExplicitImports: explicit, Worker: worker.Options{Dir: dir, Limits: limits}}, err
}

func (e *engineFlags) explicitImports() (bool, error) {
	switch text, source := e.autoImports.value(); text {
	case "", "on":
		return false, nil
	case "off":
		return true, nil
	default:
		return false, usageError{fmt.Errorf("%s: %q is neither on nor off", source, text)}
	}
}

// modulePolicy is where modules may come from. Whoever sets limits, or grades,
// doesn't expect a cell to reach for the network by an import.
func (e *engineFlags) modulePolicy(limits eval.Limits) (modules.Policy, error) {
	text, source := e.modules.value()
	if text == "" {
		if limits != (eval.Limits{}) || os.Getenv("NBGRADER_EXECUTION") != "" {
			return modules.Cache, nil
		}
		return modules.Fetch, nil
	}
	p, err := modules.ParsePolicy(text)
	if err != nil {
		return p, usageError{fmt.Errorf("%s: %w", source, err)}
	}
	return p, nil
}

const sameUserVariable = "BRAID_SAME_USER"

func kernelCommand() *cobra.Command {
	var e engineFlags
	file, sameUser := "", false
	cmd := &cobra.Command{
		Use:   "kernel -f CONNECTION_FILE",
		Short: "Serve one notebook (Jupyter starts this)",
		Long: `Serve one notebook over the sockets that a connection file names. Jupyter
starts this command by itself; see ` + "`braid install`" + `.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := e.options("")
			if err != nil {
				return err
			}
			info, err := kernel.ReadConnectionFile(file)
			if err != nil {
				return err
			}
			listen := kernel.ListenZMQ
			if sameUser || os.Getenv(sameUserVariable) != "" {
				listen = kernel.ListenSameUser
			}
			// A cell goes from goroutine to goroutine here. With several
			// processors each handover wakes an idle one, which takes longer
			// than the work; learners' code has them all, in the worker.
			runtime.GOMAXPROCS(1)
			worker.PatientGC()
			// Serve handles signals itself: there, SIGINT interrupts a cell.
			return kernel.Serve(context.WithoutCancel(cmd.Context()), info, kernel.Options{
				Session:   func() (kernel.Session, error) { return session.New(o) },
				Listen:    listen,
				Version:   braidVersion(),
				ParentPID: kernel.ParentPID(),
			})
		},
	}
	cmd.Flags().StringVarP(&file, "connection-file", "f", "", "`FILE` that says where to listen, and with which key")
	cmd.MarkFlagRequired("connection-file")
	cmd.Flags().BoolVar(&sameUser, "same-user", false, "refuse local peers of other users, on Linux (or $"+sameUserVariable+"=1)")
	e.register(cmd.Flags())
	return cmd
}

func workerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "worker",
		Short:  "Run learners' code for a kernel (internal)",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			os.Exit(worker.Main(engines))
			return nil
		},
	}
}

// --- braid run ---

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
	if err := r.write(path, nb, failure); err != nil {
		return errors.Join(failure, err)
	}
	if failure == nil {
		fmt.Fprintf(r.log, "%s: %d cells in %.1f s\n", path, bar.total, time.Since(begin).Seconds())
	}
	return failure
}

// write puts the notebook, and its page, where the flags say. failure, of which
// explain tells, is what ended its execution.
func (r *runner) write(path string, nb *nbformat.Notebook, failure error) error {
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
		failed := -1
		var cell *execute.CellError
		if errors.As(failure, &cell) {
			failed = cell.Cell
		}
		return render.Text(r.out, nb, failed)
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

// --- braid install, uninstall, doctor, lab ---

// placeFlags are the flags that choose where a kernelspec lives.
type placeFlags struct {
	user, sysPrefix bool
	prefix, name    string
}

func (p *placeFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&p.user, "user", false, "for this user, seen by every Jupyter of theirs (the default)")
	f.BoolVar(&p.sysPrefix, "sys-prefix", false, "for the active Python environment (virtual environment, conda)")
	f.StringVar(&p.prefix, "prefix", "", "for the Jupyter installed under `DIR`, such as /usr/local")
	f.StringVar(&p.name, "name", install.DefaultName, "`NAME` of the kernelspec")
	cmd.MarkFlagsMutuallyExclusive("user", "sys-prefix", "prefix")
}

func (p *placeFlags) place(ctx context.Context) (install.Place, error) {
	switch {
	case p.sysPrefix:
		return install.SysPrefix(ctx)
	case p.prefix != "":
		return install.Prefix(p.prefix)
	}
	return install.User()
}

func installCommand() *cobra.Command {
	var p placeFlags
	o := install.Options{Version: braidVersion()}
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Install the kernel into Jupyter",
		Long: `Install the kernel into Jupyter: JupyterLab, the classic notebook, VS Code,
nbclient and every other front end then offer "` + install.DefaultDisplayName + `".

The program is copied beside the kernelspec, so the file that you run now may
go away later. An older install is replaced in one step, also while it runs.`,
		Example: `  braid install                       for yourself
  braid install --sys-prefix          for the active virtual environment
  braid install --prefix /usr/local   for everybody on the machine
  braid install --nbgrader            and teach nbgrader the language Go`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			place, err := p.place(cmd.Context())
			if err != nil {
				return err
			}
			o.Place, o.Name = place, p.name
			done, err := install.Install(o)
			if err != nil {
				return err
			}
			cmd.Printf("Installed the kernel %q in %s\n", o.Name, done.Dir)
			cmd.Printf("Front ends offer it as %q; what runs already must be reloaded once.\n", o.DisplayName)
			if o.NBGrader {
				cmd.Printf("nbgrader knows Go by %s\n", done.NBGrader)
			}
			return nil
		},
	}
	p.register(cmd)
	cmd.Flags().StringVar(&o.DisplayName, "display-name", install.DefaultDisplayName, "what front ends call the kernel")
	cmd.Flags().BoolVar(&o.NBGrader, "nbgrader", false, "also add Go to nbgrader's table of solution stubs")
	return cmd
}

func uninstallCommand() *cobra.Command {
	var p placeFlags
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Remove the kernel from Jupyter",
		Long:  "Remove what `braid install` with the same flags has installed, and nothing else.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			place, err := p.place(cmd.Context())
			if err != nil {
				return err
			}
			removed, err := install.Uninstall(place, p.name)
			for _, path := range removed {
				cmd.Println("Removed " + path)
			}
			if errors.Is(err, install.ErrNotInstalled) {
				return fmt.Errorf("%w; braid doctor shows where it is", err)
			}
			return err
		},
	}
	p.register(cmd)
	return cmd
}

func doctorCommand() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out what is installed, whether it works, and what to do if not",
		Long: `Look at every place where the kernel may be installed, at JupyterLab, and at
the kernel itself: it is started as Jupyter would start it, and runs a cell.
Nothing is changed. The exit code is 1 if something is broken.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report := install.Examine(cmd.Context(), install.DoctorOptions{Version: braidVersion(), Ping: ping})
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetEscapeHTML(false)
				enc.SetIndent("", "  ")
				if err := enc.Encode(report); err != nil {
					return err
				}
			} else {
				report.Print(cmd.OutOrStdout())
			}
			if !report.Healthy() {
				return errReported
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON")
	return cmd
}

func labCommand() *cobra.Command {
	o := install.LabOptions{Version: braidVersion()}
	course := ""
	cmd := &cobra.Command{
		Use:   "lab [DIR]",
		Short: "Open JupyterLab with Go notebooks",
		Long: `Open JupyterLab on DIR with the Go kernel installed. Without DIR it opens
~/braid-notebooks, and the course is laid out in its folder "course".

The JupyterLab on your PATH is used; if there is none, a private one is made
first, which needs Python 3 and, once, the network. Nothing that is yours is
overwritten. Ctrl-C ends everything.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 0 && course != "":
				return usageError{errors.New("name one folder: DIR to open it as it is, or --course DIR to lay the course out in it")}
			case len(args) > 0:
				o.Dir = args[0]
			case course != "":
				o.Dir, o.Course = course, "."
			default:
				o.Course = "course"
			}
			o.Out = cmd.OutOrStdout()
			o.Terminal = isTerminal(o.Out)
			o.LayOut = func(dir string, say func(string)) (string, error) {
				all, err := notebooks.Copy(dir, notebooks.CopyOptions{})
				reportCopy(say, dir, all)
				return notebooks.FirstPage, err
			}
			return install.Lab(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&course, "course", "", "lay the course out in `DIR` and open it there")
	f.BoolVar(&o.PrepareOnly, "prepare-only", false, "install what is needed, but start nothing")
	f.BoolVar(&o.NoBrowser, "no-browser", false, "print the address instead of opening a browser")
	f.BoolVar(&o.Private, "private", false, "use the private JupyterLab even if there is one on PATH")
	f.BoolVarP(&o.Verbose, "verbose", "v", false, "show JupyterLab's log")
	f.IntVar(&o.Port, "port", 0, "listen on this `PORT` only (default: the first free one from 8888)")
	f.StringVar(&o.IP, "ip", "", "listen on this `ADDRESS` (default: localhost only)")
	return cmd
}

// --- braid course ---

func courseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "course",
		Short: "The course on concurrency: lessons and exercises",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var o notebooks.CopyOptions
	layOut := &cobra.Command{
		Use:   "copy DIR",
		Short: "Lay the course out in a folder",
		Long: `Lay the lessons and exercises out in DIR, which is made if need be. Nothing that
you have changed is overwritten: your file stays, and where the course has a newer
version, that is written beside it as NAME.new.ipynb.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := notebooks.Copy(args[0], o)
			reportCopy(func(line string) { cmd.Println(line) }, args[0], all)
			return err
		},
	}
	layOut.Flags().BoolVar(&o.Solutions, "solutions", false, "exercises as their authors wrote them (nbgrader's source notebooks), for teachers")
	cmd.AddCommand(layOut)
	return cmd
}

// reportCopy says what became of the files of the course.
func reportCopy(say func(string), dir string, all []notebooks.Copied) {
	count := map[notebooks.Fate]int{}
	for _, c := range all {
		count[c.Fate]++
		if c.Beside != "" {
			say(fmt.Sprintf("Kept your %s; the new version is %s", c.Name, c.Beside))
		}
	}
	var parts []string
	for _, fate := range []notebooks.Fate{notebooks.Written, notebooks.Updated, notebooks.Kept} {
		if n := count[fate]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, fate))
		}
	}
	if len(parts) > 0 {
		say("The course is in " + dir + " (files: " + strings.Join(parts, ", ") + ")")
	}
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// ping is install.DoctorOptions.Ping.
func ping(ctx context.Context, connectionFile string) (string, error) {
	info, err := kernel.ReadConnectionFile(connectionFile)
	if err != nil {
		return "", err
	}
	return kernel.Ping(ctx, info, install.Question())
}
