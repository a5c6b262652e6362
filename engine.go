package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"braid/kernel"
	"braid/kernel/eval"
	"braid/kernel/eval/vm"
	"braid/kernel/eval/yaegi"
	"braid/kernel/session"
	"braid/kernel/worker"
)

// engines are what can run cells, by name. The worker process makes the one
// that its kernel asks for.
var engines = map[string]func() eval.Engine{
	"vm":    func() eval.Engine { return vm.New() },
	"yaegi": func() eval.Engine { return yaegi.New() },
}

const defaultEngine = "yaegi"

// engineFlags choose the engine that runs cells, and what cells may use. Each
// can be set by an environment variable, too: graders set those for kernels
// that Jupyter starts.
type engineFlags struct {
	engine, memory, output, goroutines, cellTimeout setting
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
	return session.Options{Engine: name, Worker: worker.Options{Dir: dir, Limits: limits}}, err
}

func kernelCommand() *cobra.Command {
	var e engineFlags
	file := ""
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
			// Serve handles signals itself: there, SIGINT interrupts a cell.
			return kernel.Serve(context.WithoutCancel(cmd.Context()), info, kernel.Options{
				Session:   func() (kernel.Session, error) { return session.New(o) },
				Version:   braidVersion(),
				ParentPID: kernel.ParentPID(),
			})
		},
	}
	cmd.Flags().StringVarP(&file, "connection-file", "f", "", "`FILE` that says where to listen, and with which key")
	cmd.MarkFlagRequired("connection-file")
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
