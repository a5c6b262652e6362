package session

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"braid/kernel/cell"
	"braid/kernel/check/exportdata"
	"braid/kernel/eval"
	"braid/kernel/modules"
	"braid/kernel/worker"
)

// Third-party modules. What a cell imports is found, checked and given to the
// worker before the cell itself is checked: outside of the lock that all cells
// take, and so that an interrupt need not wait for a download or for a large
// package. Failures are kept by the importer, which the checker asks; so they are
// errors of the import's line.

// patience is how long a search may take before the cell says what it waits for.
const patience = 2 * time.Second

// foreignImports lists the import paths of c that are neither the standard
// library's nor Braid's.
func foreignImports(c *cell.Cell) (paths []string) {
	for _, spec := range c.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil || path == "" || path == "C" || path == "unsafe" || slices.Contains(paths, path) {
			continue
		}
		if _, known := exportdata.Find(path); known || exportdata.Unavailable[path] != "" || strings.HasPrefix(path, "braid/") {
			continue
		}
		paths = append(paths, path)
	}
	return paths
}

// fetch makes the packages importable that c imports, or lets the checker know
// why they are not. The error is one that has nothing to do with a line of c.
func (x *execution) fetch(ctx context.Context, c parsed) *eval.Error {
	paths := foreignImports(c.Cell)
	if len(paths) == 0 {
		return nil
	}
	im := x.importer.Load()
	paths = slices.DeleteFunc(paths, func(path string) bool { return im.Known(path) == nil && !x.modules.Plausible(path) })
	missing := slices.DeleteFunc(slices.Clone(paths), func(path string) bool { return im.Known(path) != nil || slices.Contains(x.tried, path) })
	x.tried = append(x.tried, missing...)
	if len(missing) > 0 {
		if e := x.resolve(ctx, missing); e != nil {
			return e
		}
	}
	return x.preload(ctx, paths)
}

// resolve finds packages.
func (x *execution) resolve(ctx context.Context, paths []string) *eval.Error {
	im := x.importer.Load()
	if x.lowerer != nil {
		for _, path := range paths {
			if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") {
				continue // a typo, rather
			}
			im.Fail(path, errors.New("the engine "+x.opts.Engine+" cannot run third-party modules; choose the engine vm"))
		}
		return nil
	}
	say := time.AfterFunc(patience, func() { x.print("looking for " + strings.Join(paths, ", ") + " …\n") })
	defer say.Stop()
	ps, problems, err := x.modules.Resolve(ctx, x.lockedEnvironment(), paths...)
	if ctx.Err() != nil {
		return interrupted("The cell was stopped while its packages were looked for.")
	}
	im.Add(ps...)
	for _, path := range paths {
		switch {
		case err != nil:
			im.Fail(path, err)
		case problems[path] != nil:
			im.Fail(path, problems[path])
		}
	}
	return nil
}

// environment is that of the Go command: the kernel's, with what %env has set.
// s.check is held.
func (s *Session) environment() []string {
	env := os.Environ()
	for k, v := range s.place.Set {
		env = append(env, k+"="+v)
	}
	return env
}

func (s *Session) lockedEnvironment() []string {
	s.check.Lock()
	defer s.check.Unlock()
	return s.environment()
}

// spawn starts a goroutine that Close joins, unless the session is closed.
func (s *Session) spawn(f func()) bool {
	s.check.Lock()
	defer s.check.Unlock()
	if !s.closed {
		s.work.Go(f)
	}
	return !s.closed
}

// preload checks the packages here and in the worker at the same time.
func (x *execution) preload(ctx context.Context, paths []string) *eval.Error {
	im := x.importer.Load()
	var ready []string
	for _, path := range paths {
		if im.Known(path) != nil && !im.Loaded(path) {
			ready = append(ready, path)
		}
	}
	if len(ready) == 0 {
		return nil
	}
	run, e := x.loadInWorker(ctx, im.Closure(ready...))
	if e != nil {
		return e
	}
	done := make(chan struct{})
	started := x.spawn(func() {
		defer close(done)
		for _, path := range ready {
			im.Import(path) // the checker will ask again for what is wrong
		}
		if run == nil {
			return // the cell itself will find the worker gone
		}
		// Not of ctx: the next cell will want the packages too.
		if end, err := run.Wait(x.life); err == nil && end.Error != nil {
			im.Fail(ready[0], errors.New(end.Error.Value))
		}
	})
	if !started {
		return x.noWorker(ctx, errClosed)
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return interrupted("The cell was stopped while its packages were loaded.")
	}
}

// loadInWorker lets the worker begin to read packages: a program that declares
// nothing. The run is nil if the worker is gone.
func (x *execution) loadInWorker(ctx context.Context, ps []*eval.Package) (*worker.Run, *eval.Error) {
	x.check.Lock()
	defer x.check.Unlock()
	b, err := x.ensure(ctx)
	if err != nil {
		return nil, x.noWorker(ctx, err)
	}
	p := &eval.Program{ID: x.nextID(), Name: x.name, Restore: true, Packages: ps}
	x.register(p.ID, &sinkOf{restore: true})
	run, err := b.worker.Begin(p)
	if err != nil {
		return nil, nil
	}
	return run, nil
}

// packagesOf are what an engine needs for the imports of c. s.check is held.
func (s *Session) packagesOf(c *cell.Cell) []*eval.Package {
	if paths := foreignImports(c); len(paths) > 0 {
		return s.importer.Load().Closure(paths...)
	}
	return nil
}

// choices runs the lines of c that choose versions, ahead of everything else: the
// imports of the same cell want them.
func (x *execution) choices(ctx context.Context, c parsed) *eval.Error {
	for _, d := range c.Directives {
		if keyOf(d) != "%get" || d.Args == "" {
			continue
		}
		if e := x.choose(ctx, d); e != nil {
			e.Pos = d.Pos
			return e
		}
	}
	return nil
}

// got is the magic %get: what it chooses was chosen by choices.
func (x *execution) got(_ context.Context, d cell.Directive) *eval.Error {
	if d.Args == "" {
		x.print(modulesText(x.modules.Used()))
	}
	return nil
}

// choose chooses versions of modules.
func (x *execution) choose(ctx context.Context, d cell.Directive) *eval.Error {
	queries := strings.Fields(d.Args)
	for _, q := range queries {
		if strings.HasPrefix(q, "-") {
			return usageError("%%get takes no flags: write %%get MODULE@VERSION")
		}
	}
	say := time.AfterFunc(patience, func() { x.print("getting " + strings.Join(queries, ", ") + " …\n") })
	said, err := x.modules.Get(ctx, x.lockedEnvironment(), queries...)
	say.Stop()
	if ctx.Err() != nil {
		return interrupted("Nothing was changed.")
	}
	if err != nil {
		return usageError("%%get %s: %s", d.Args, err)
	}
	x.print(getText(said))
	if x.modules.Stale() {
		x.print("The session runs other versions already; %restart_worker makes it run these.\n")
	}
	return nil
}

// getText is what to show of the Go command's words.
func getText(said string) string {
	var b strings.Builder
	for line := range strings.Lines(said) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "go: ")
		for _, verb := range []string{"added ", "upgraded ", "downgraded ", "removed "} {
			if strings.HasPrefix(line, verb) {
				b.WriteString(line + "\n")
			}
		}
	}
	return b.String()
}

func modulesText(used []modules.Module) string {
	if len(used) == 0 {
		return "no third-party module is in use; import one, or choose its version with %get MODULE@VERSION\n"
	}
	var rows [][]string
	for _, m := range used {
		if m.Version == "" {
			m.Version = m.Dir
		}
		rows = append(rows, []string{m.Path, m.Version})
	}
	return columns(rows)
}

// stillKnown is what the importer of a new worker's state is to know: the packages
// that were loaded, found anew if other versions were chosen or if files of a
// module on this machine may have been edited. s.check is held.
func (s *Session) stillKnown() (ps []*eval.Package, problems map[string]error) {
	ps = s.importer.Load().All()
	onDisk := func(p *eval.Package) bool { return p.Version == "" }
	if len(ps) == 0 || !s.modules.Stale() && !slices.ContainsFunc(ps, onDisk) {
		return ps, nil
	}
	paths := make([]string, len(ps))
	for i, p := range ps {
		paths[i] = p.Path
	}
	s.modules.Forget()
	found, problems, err := s.modules.Resolve(s.life, s.environment(), paths...)
	if err != nil {
		return ps, nil // what is known will have to do
	}
	return found, problems
}
