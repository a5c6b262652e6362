// Package modules finds the packages of third-party modules that cells import.
// It stands beside the session, in the kernel process, and asks the Go command,
// so that proxies, private repositories, checksums, the module cache and the
// choice of versions are those that the user has everywhere else (GOPROXY,
// GOPRIVATE, GONOSUMDB, netrc, …). Nothing of a module runs here, and none is built.
//
// Versions. A notebook that lies in a module (a go.mod in its folder or above)
// gets that module's versions and replacements, and its packages; go.mod itself
// is never written. Other versions are the latest, as with "go get", unless one
// was asked for with Get. What was loaded keeps its version until Reset: it is a
// part of the running program.
//
// Build constraints are those of this platform without cgo, and with the tags
// purego and noasm: by convention they choose Go where there would be assembly,
// which cannot be interpreted.
package modules

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"braid/kernel/eval"
)

// Policy says where modules may come from.
type Policy int

const (
	// Fetch takes modules from the module cache, and from the network.
	Fetch Policy = iota
	// Cache takes only what is in the module cache of this machine.
	Cache
	// Off takes none.
	Off
)

var policies = map[string]Policy{"fetch": Fetch, "cache": Cache, "off": Off}

// ParsePolicy reads "fetch", "cache" or "off".
func ParsePolicy(s string) (Policy, error) {
	p, ok := policies[s]
	if !ok {
		return Off, fmt.Errorf("%q is none of fetch, cache and off", s)
	}
	return p, nil
}

// Tags are the build tags that packages are chosen with.
const Tags = "purego,noasm"

// Resolver finds packages for one session. It is safe for concurrent use; one
// command runs at a time.
type Resolver struct {
	policy Policy
	dir    string // of the notebook

	turn chan struct{} // holds a token while nobody works; guards what follows
	work string        // a folder of ours with a go.mod and go.sum, "" until needed
	root string        // of the module that the notebook lies in, or work
	path string        // of that module, "" if there is none
	env  []string
	used map[string]Module // what was loaded, by module path

	mu    sync.Mutex
	stale bool // other versions were asked for than those that were loaded
}

// Module is a module and the version of it that is used.
type Module struct {
	Path, Version string
	Dir           string // if it is a folder on this machine, not a version
}

// New returns a Resolver for a notebook in dir. It does nothing yet.
func New(dir string, policy Policy) *Resolver {
	r := &Resolver{policy: policy, dir: dir, turn: make(chan struct{}, 1), used: map[string]Module{}}
	r.turn <- struct{}{}
	return r
}

// begin waits for the turn of a command that needs env.
func (r *Resolver) begin(ctx context.Context, env []string) error {
	select {
	case <-r.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	r.env = env
	if err := r.prepare(ctx); err != nil {
		r.turn <- struct{}{}
		return err
	}
	return nil
}

func (r *Resolver) end() { r.turn <- struct{}{} }

// Close removes the Resolver's files.
func (r *Resolver) Close() error {
	<-r.turn
	defer r.end()
	return r.clean()
}

// Reset forgets all versions, as for a new session.
func (r *Resolver) Reset() error {
	<-r.turn
	defer r.end()
	clear(r.used)
	r.setStale(false)
	return r.clean()
}

func (r *Resolver) clean() error {
	if r.work == "" {
		return nil
	}
	err := os.RemoveAll(r.work)
	r.work = ""
	return err
}

func (r *Resolver) setStale(s bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stale = s
}

// Stale tells whether Get has chosen versions that come into effect with
// packages that are resolved after Forget.
func (r *Resolver) Stale() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stale
}

// Forget makes the Resolver forget what was loaded, but not what was chosen.
func (r *Resolver) Forget() {
	<-r.turn
	defer r.end()
	clear(r.used)
	r.setStale(false)
}

// Used lists the modules that packages were loaded from, sorted by path.
func (r *Resolver) Used() []Module {
	<-r.turn
	defer r.end()
	var l []Module
	for _, m := range r.used {
		l = append(l, m)
	}
	slices.SortFunc(l, func(a, b Module) int { return strings.Compare(a.Path, b.Path) })
	return l
}

// Resolve finds packages and all that they import beside the standard library,
// each behind what it imports. What is wrong with one of the paths is in problems, by
// path; then nothing of that path is among the packages. The error is one of
// all: the context's, or that there is no Go command. env is the environment of
// the Go command.
func (r *Resolver) Resolve(ctx context.Context, env []string, paths ...string) (ps []*eval.Package, problems map[string]error, err error) {
	if err := r.begin(ctx, env); err != nil {
		return nil, nil, err
	}
	defer r.end()
	saved, err := r.save()
	if err != nil {
		return nil, nil, err
	}
	found, err := r.list(ctx, paths)
	if err != nil {
		return nil, nil, err
	}
	problems = map[string]error{}
	seen := map[string]bool{}
	for _, path := range paths {
		closure, err := found.closure(path, r)
		if err != nil {
			problems[path] = err
			continue
		}
		for _, p := range closure {
			if !seen[p.Path] {
				seen[p.Path] = true
				ps = append(ps, p)
			}
		}
	}
	if conflict := r.conflict(ps); conflict != nil {
		for _, path := range paths {
			if problems[path] == nil {
				problems[path] = conflict
			}
		}
		return nil, problems, r.restore(saved)
	}
	for _, p := range ps {
		if p.Module != "" {
			r.used[p.Module] = moduleOf(p)
		}
	}
	return ps, problems, nil
}

func moduleOf(p *eval.Package) Module {
	m := Module{Path: p.Module, Version: p.Version}
	if m.Version == "" {
		m.Dir = strings.TrimSuffix(p.Dir, filepath.FromSlash(strings.TrimPrefix(p.Path, p.Module)))
	}
	return m
}

// conflict tells whether ps need other versions than those that run already.
func (r *Resolver) conflict(ps []*eval.Package) error {
	for _, p := range ps {
		m, ok := r.used[p.Module]
		if !ok || m.Version == p.Version {
			continue
		}
		return fmt.Errorf("it needs %s %s, but this session runs %s already; write %%get %s@%s, then %%restart_worker, and import it again; a notebook that imports both in one cell gets one version",
			p.Module, p.Version, m.Version, p.Module, p.Version)
	}
	return nil
}

// Plausible tells whether path can be that of a package in a module: its first
// element has a dot, or the notebook lies in a module, which may have any name.
func (r *Resolver) Plausible(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return strings.Contains(first, ".") || moduleRoot(r.dir) != ""
}

// Get chooses versions: each query is a path with @version or @latest, @none,
// @patch or a branch behind it, as for "go get". It returns what the Go command
// has to say.
func (r *Resolver) Get(ctx context.Context, env []string, queries ...string) (string, error) {
	if r.policy == Off {
		return "", errOff
	}
	if err := r.begin(ctx, env); err != nil {
		return "", err
	}
	defer r.end()
	_, said, err := r.try(ctx, append([]string{"get"}, append(r.flags(), queries...)...))
	if err != nil {
		return "", r.explain(said, err)
	}
	if strings.Contains(said, "upgraded ") || strings.Contains(said, "downgraded ") || strings.Contains(said, "removed ") {
		r.noteChanges(ctx)
	}
	return said, nil
}

// noteChanges compares what was loaded with what was chosen since.
func (r *Resolver) noteChanges(ctx context.Context) {
	for path, m := range r.used {
		out, _, err := r.run(ctx, []string{"list", "-m", "-mod=mod", "-modfile=" + r.modfile(), "-f={{.Version}}", path})
		if err != nil || strings.TrimSpace(string(out)) != m.Version {
			r.setStale(true)
		}
	}
}

var errOff = errors.New("third-party modules are switched off here (the setting modules of the kernel, or BRAID_MODULES, is off)")

func (r *Resolver) modfile() string { return filepath.Join(r.work, "go.mod") }

func (r *Resolver) flags() []string { return []string{"-modfile=" + r.modfile(), "-tags=" + Tags} }

// prepare makes the folder with the go.mod that is ours to write.
func (r *Resolver) prepare(ctx context.Context) error {
	if r.policy == Off {
		return errOff
	}
	if r.work != "" {
		return nil
	}
	if _, err := goCommand(); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "braid-modules-")
	if err != nil {
		return err
	}
	r.work, r.root, r.path = work, work, ""
	if root := moduleRoot(r.dir); root != "" {
		err = r.adopt(ctx, root)
	} else {
		err = os.WriteFile(r.modfile(), []byte(cellsMod), 0o666)
	}
	if err != nil {
		r.clean()
	}
	return err
}

// cellsMod is the go.mod for cells that lie in no module. The Go command raises
// its language version when a module needs a later one.
const cellsMod = "module braid.cells/notebook\n\ngo 1.21\n"

// moduleRoot is the folder of the go.mod that holds for dir, "" if there is none.
func moduleRoot(dir string) string {
	for dir != "" {
		if fi, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil && fi.Mode().IsRegular() {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			break
		}
		dir = up
	}
	return ""
}

// adopt copies the requirements of the module that the notebook lies in.
func (r *Resolver) adopt(ctx context.Context, root string) error {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(r.modfile(), mod, 0o666); err != nil {
		return err
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err == nil {
		err = os.WriteFile(filepath.Join(r.work, "go.sum"), sum, 0o666)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	r.root = root
	out, said, err := r.run(ctx, []string{"mod", "edit", "-json", r.modfile()})
	if err != nil {
		return explain(said, err)
	}
	var file struct{ Module struct{ Path string } }
	if err := json.Unmarshal(out, &file); err != nil {
		return err
	}
	r.path = file.Module.Path
	return nil
}

// save and restore keep what a command may change.
func (r *Resolver) save() (files [2][]byte, err error) {
	for i, name := range savedFiles {
		files[i], err = os.ReadFile(filepath.Join(r.work, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return files, err
		}
	}
	return files, nil
}

var savedFiles = [2]string{"go.mod", "go.sum"}

func (r *Resolver) restore(files [2][]byte) (err error) {
	for i, name := range savedFiles {
		err = errors.Join(err, os.WriteFile(filepath.Join(r.work, name), files[i], 0o666))
	}
	return err
}

// run runs the Go command. said is what it writes to stderr.
func (r *Resolver) run(ctx context.Context, args []string, env ...string) (out []byte, said string, err error) {
	name, err := goCommand()
	if err != nil {
		return nil, "", err
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = r.root
	cmd.Env = append(slices.Clone(r.env),
		"GO111MODULE=on", "GOWORK=off", "GOFLAGS="+goFlags(r.env), "CGO_ENABLED=0",
		"GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH, "GOTOOLCHAIN=local", "PWD="+r.root)
	cmd.Env = append(cmd.Env, env...)
	stop(cmd)
	cmd.WaitDelay = 2 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return stdout.Bytes(), stderr.String(), err
}

// goFlags keeps of the user's GOFLAGS what has nothing to do with how modules
// are looked up.
func goFlags(env []string) string {
	value := ""
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, "GOFLAGS="); ok {
			value = v
		}
	}
	keep := slices.DeleteFunc(strings.Fields(value), func(f string) bool {
		f = strings.TrimLeft(f, "-")
		return strings.HasPrefix(f, "mod=") || strings.HasPrefix(f, "modfile=") || strings.HasPrefix(f, "tags=")
	})
	return strings.Join(keep, " ")
}

// try runs the Go command with the user's settings, and again with nothing but
// the module cache if the network cannot be reached.
func (r *Resolver) try(ctx context.Context, args []string) (out []byte, said string, err error) {
	if r.policy == Fetch {
		out, said, err = r.run(ctx, args)
		if !unreachable(said+string(out)) || ctx.Err() != nil {
			return out, said, err
		}
	}
	cached, err2 := r.cached(ctx)
	if err2 != nil {
		return out, said, errors.Join(err, err2)
	}
	out2, said2, err2 := r.run(ctx, args, cached...)
	if r.policy == Fetch && (err2 != nil || unresolved(out2)) {
		return out, said, err // the first reason is the better one
	}
	return out2, said2, err2
}

// cached are settings that let the Go command take modules from the cache and
// from nowhere else: it has the layout of a proxy. What lies there was verified
// when it came.
func (r *Resolver) cached(ctx context.Context) ([]string, error) {
	out, said, err := r.run(ctx, []string{"env", "GOMODCACHE"})
	if err != nil {
		return nil, explain(said, err)
	}
	dir := filepath.ToSlash(filepath.Join(strings.TrimSpace(string(out)), "cache", "download"))
	if !strings.HasPrefix(dir, "/") {
		dir = "/" + dir
	}
	return []string{"GOPROXY=file://" + dir, "GOSUMDB=off", "GONOPROXY=none", "GOPRIVATE="}, nil
}

// goCommand finds the Go command where a shell does, or where Go's installer
// puts it.
func goCommand() (string, error) {
	if name, err := exec.LookPath("go"); err == nil {
		return name, nil
	}
	name := "go"
	if runtime.GOOS == "windows" {
		name = "go.exe"
	}
	dirs := []string{os.Getenv("GOROOT"), "/usr/local/go", `C:\Program Files\Go`}
	for _, dir := range dirs {
		if path := filepath.Join(dir, "bin", name); dir != "" {
			if fi, err := os.Stat(path); err == nil && fi.Mode().IsRegular() {
				return path, nil
			}
		}
	}
	return "", errNoGo
}

var errNoGo = errors.New("third-party modules need the Go toolchain, and there is no go command on the PATH; " +
	"install Go (https://go.dev/dl), start the notebook server again from a terminal where \"go version\" works, and run the cell again")

// listed is a package as go list describes it.
type listed struct {
	ImportPath, Name, Dir string
	Standard, ForTest     bool
	GoFiles, CgoFiles     []string
	IgnoredGoFiles        []string
	EmbedFiles            []string
	Imports               []string
	Module                *struct {
		Path, Version, GoVersion string
		Main                     bool
		Replace                  *struct{ Path, Version string }
	}
	Error *struct {
		ImportStack []string
		Err         string
	}

	CFiles, CXXFiles, MFiles, HFiles, FFiles, SFiles, SwigFiles, SwigCXXFiles, SysoFiles []string
}

func (p *listed) foreign() []string {
	return slices.Concat(p.SFiles, p.CFiles, p.CXXFiles, p.MFiles, p.FFiles, p.SwigFiles, p.SwigCXXFiles, p.SysoFiles)
}

const listFields = "ImportPath,Name,Dir,Standard,GoFiles,CgoFiles,IgnoredGoFiles,EmbedFiles,Imports,Module,Error," +
	"CFiles,CXXFiles,MFiles,FFiles,SFiles,SwigFiles,SwigCXXFiles,SysoFiles"

// listing is the answer to a go list command, by path.
type listing map[string]*listed

// list asks for packages and all that they import.
func (r *Resolver) list(ctx context.Context, paths []string) (listing, error) {
	args := append([]string{"list", "-e", "-mod=mod", "-deps", "-json=" + listFields}, r.flags()...)
	args = append(append(args, "--"), paths...)
	out, said, err := r.try(ctx, args)
	if err != nil {
		return nil, r.explain(said, err)
	}
	return readListing(out)
}

// readListing reads what go list -json writes: one object after the other.
func readListing(out []byte) (listing, error) {
	found := listing{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(listed)
		err := d.Decode(p)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		found[p.ImportPath] = p
	}
}

// unresolved tells whether go list has found errors.
func unresolved(out []byte) bool { return bytes.Contains(out, []byte(`"Error": {`)) }

// closure gives path and what it imports, each behind what it imports.
func (l listing) closure(path string, r *Resolver) (ps []*eval.Package, err error) {
	seen := map[string]bool{}
	var visit func(path, by string) error
	visit = func(path, by string) error {
		if seen[path] || path == "unsafe" {
			return nil
		}
		seen[path] = true
		p := l[path]
		if p == nil {
			return fmt.Errorf("package %s was not found", path)
		}
		if p.Standard {
			return nil
		}
		if err := r.usable(p, by); err != nil {
			return err
		}
		for _, q := range p.Imports {
			if err := visit(q, path); err != nil {
				return err
			}
		}
		ps = append(ps, p.pack())
		return nil
	}
	if err := visit(path, ""); err != nil {
		return nil, err
	}
	if p := l[path]; p.Name == "main" {
		return nil, fmt.Errorf("package %s is a program, not an importable package", path)
	}
	if !r.mayImport(path) {
		return nil, fmt.Errorf("use of internal package %s not allowed: only the packages beside it in its module may import it", path)
	}
	return ps, nil
}

// mayImport is Go's rule for internal packages: the cells of a notebook are a
// package in the notebook's folder.
func (r *Resolver) mayImport(path string) bool {
	i := strings.LastIndex("/"+path+"/", "/internal/")
	if i < 0 {
		return true
	}
	parent := strings.TrimSuffix(path[:max(i-1, 0)], "/")
	if r.path == "" {
		return false
	}
	rel, err := filepath.Rel(r.root, r.dir)
	if err != nil {
		return false
	}
	here := r.path
	if rel != "." {
		here += "/" + filepath.ToSlash(rel)
	}
	return here == parent || strings.HasPrefix(here, parent+"/")
}

// usable tells why a package cannot be had, or not in a cell.
func (r *Resolver) usable(p *listed, by string) error {
	via := ""
	if by != "" {
		via = ", which " + by + " imports,"
	}
	cgo := slices.Concat(p.CgoFiles, p.cgoIgnored())
	if len(p.GoFiles) == 0 && len(cgo) > 0 {
		return fmt.Errorf("package %s%s cannot be used in a cell: its file %s needs cgo (import \"C\"), and cells are interpreted, not linked with C; look for a package in pure Go, or run a program in the shell: !go run .", p.ImportPath, via, cgo[0])
	}
	if p.Error != nil {
		return r.explain(p.Error.Err, nil)
	}
	return nil
}

// cgoIgnored lists the files that would be there with cgo.
func (p *listed) cgoIgnored() (l []string) {
	if len(p.GoFiles) > 0 {
		return nil
	}
	for _, name := range p.IgnoredGoFiles {
		src, err := os.ReadFile(filepath.Join(p.Dir, name))
		if err == nil && bytes.Contains(src, []byte(`import "C"`)) {
			l = append(l, name)
		}
	}
	return l
}

func (p *listed) pack() *eval.Package {
	q := &eval.Package{
		Path: p.ImportPath, Name: p.Name, Dir: p.Dir, Files: p.GoFiles, Imports: p.Imports,
		Foreign: p.foreign(), Embeds: p.EmbedFiles,
	}
	if m := p.Module; m != nil {
		q.Module, q.Version, q.GoVersion = m.Path, m.Version, m.GoVersion
		if m.Replace != nil {
			q.Version = m.Replace.Version
		}
	}
	return q
}
