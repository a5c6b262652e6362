// Command braid is a Jupyter kernel for Go and the tools around it: it installs
// itself into Jupyter, opens JupyterLab, and executes notebooks by itself.
//
// Exit codes: 0 all went well; 1 something failed (a cell, a check of doctor);
// 2 the command line is wrong; 130 ended by Ctrl-C.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
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
	for _, c := range root.Commands() {
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
	for _, c := range []*cobra.Command{labCommand(), runCommand()} {
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
