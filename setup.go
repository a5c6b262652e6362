package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"braid/install"
	"braid/kernel"
)

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
	cmd := &cobra.Command{
		Use:   "lab [DIR]",
		Short: "Open JupyterLab with Go notebooks",
		Long: `Open JupyterLab on DIR, or on ~/braid-notebooks, with the Go kernel installed.

The JupyterLab on your PATH is used; if there is none, a private one is made
first, which needs Python 3 and, once, the network. Nothing that is yours is
overwritten. Ctrl-C ends everything.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.Dir = args[0]
			}
			o.Out = cmd.OutOrStdout()
			o.Terminal = isTerminal(o.Out)
			return install.Lab(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.PrepareOnly, "prepare-only", false, "install what is needed, but start nothing")
	f.BoolVar(&o.NoBrowser, "no-browser", false, "print the address instead of opening a browser")
	f.BoolVar(&o.Private, "private", false, "use the private JupyterLab even if there is one on PATH")
	f.BoolVarP(&o.Verbose, "verbose", "v", false, "show JupyterLab's log")
	f.IntVar(&o.Port, "port", 0, "listen on this `PORT` only (default: the first free one from 8888)")
	f.StringVar(&o.IP, "ip", "", "listen on this `ADDRESS` (default: localhost only)")
	return cmd
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
