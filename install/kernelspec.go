package install

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// DefaultName and DefaultDisplayName are what a kernelspec is called unless
// the user wants otherwise.
const (
	DefaultName        = "braid"
	DefaultDisplayName = "Go (Braid)"
)

// Options say what to install where.
type Options struct {
	Place       Place
	Name        string // of the kernelspec; DefaultName if empty
	DisplayName string // DefaultDisplayName if empty
	Version     string // of this braid, kept in kernel.json
	Executable  string // the binary to copy; the running one if empty
	NBGrader    bool   // also teach nbgrader the language go
}

func (o Options) withDefaults() (Options, error) {
	if o.Name == "" {
		o.Name = DefaultName
	}
	if o.DisplayName == "" {
		o.DisplayName = DefaultDisplayName
	}
	if !kernelName.MatchString(o.Name) {
		return o, fmt.Errorf("%q cannot be a kernel's name: Jupyter allows letters, digits, '.', '-' and '_' only", o.Name)
	}
	if o.Executable != "" {
		return o, nil
	}
	exe, err := os.Executable()
	if err != nil {
		return o, fmt.Errorf("finding the running program: %w", err)
	}
	o.Executable, err = filepath.EvalSymlinks(exe)
	return o, err
}

// kernelName is jupyter_client's rule (kernelspec.py, _kernel_name_pat).
var kernelName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// Spec is a kernel.json (jupyter_client, "Kernel specs").
type Spec struct {
	Argv            []string          `json:"argv"`
	DisplayName     string            `json:"display_name"`
	Language        string            `json:"language"`
	InterruptMode   string            `json:"interrupt_mode"`
	ProtocolVersion string            `json:"kernel_protocol_version"`
	Env             map[string]string `json:"env,omitempty"`
	Metadata        map[string]any    `json:"metadata"`
}

// ours is the key in a kernelspec's metadata that marks it as Braid's; its
// value is the version.
const ours = "braid_version"

// Version is the version of the braid that installed the spec, "" if none did.
func (s *Spec) Version() string {
	v, _ := s.Metadata[ours].(string)
	return v
}

// IsBraid tells whether a braid installed the spec.
func (s *Spec) IsBraid() bool {
	_, ok := s.Metadata[ours]
	return ok
}

// Installed is what Install did.
type Installed struct {
	Dir      string // the kernelspec's folder
	NBGrader string // the nbgrader_config.json that was written or merged, "" if none
}

// ErrForeign is wrapped when a folder holds another program's kernel.
var ErrForeign = errors.New("another program's kernel has this name")

// receipt, kept in the kernelspec's folder, says what Uninstall removes.
type receipt struct {
	Files    []string  `json:"files"`
	NBGrader *nbgrader `json:"nbgrader,omitempty"`
}

const receiptName = "braid-installed.json"

// Install puts a copy of the binary, kernel.json and logos into
// Place.Share/kernels/NAME. The whole folder is made aside and swapped in, so
// that Jupyter sees the old kernel or the new one, also while the old one
// runs. What a user added to the folder of an older install is kept.
func Install(o Options) (*Installed, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(o.Place.Share, "kernels", o.Name)
	old, err := claim(dir, o.Name)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, explainPlace(err)
	}
	temp, err := os.MkdirTemp(o.Place.Share, ".braid-install-")
	if err != nil {
		return nil, explainPlace(err)
	}
	defer os.RemoveAll(temp)
	if err := os.Chmod(temp, 0o755); err != nil {
		return nil, err
	}
	r := &receipt{NBGrader: old.NBGrader}
	if o.NBGrader {
		if r.NBGrader, err = configureNBGrader(o.Place.Config, old.NBGrader); err != nil {
			return nil, err
		}
	}
	if err := fill(temp, dir, o, r); err != nil {
		return nil, err
	}
	if err := swap(temp, dir); err != nil {
		return nil, err
	}
	if err := keepForeign(temp, dir, old.Files); err != nil {
		return nil, err
	}
	done := &Installed{Dir: dir}
	if r.NBGrader != nil {
		done.NBGrader = r.NBGrader.Path
	}
	return done, nil
}

// explainPlace adds the way on when the place is what hinders.
func explainPlace(err error) error {
	for _, hindrance := range []error{os.ErrPermission, os.ErrNotExist, syscall.ENOTDIR, syscall.EROFS} {
		if errors.Is(err, hindrance) {
			return fmt.Errorf("%w; choose a place that you may write to: --user, --prefix DIR, or the folder in JUPYTER_DATA_DIR", err)
		}
	}
	return err
}

// claim makes sure that dir is free or Braid's, and gives its receipt.
func claim(dir, name string) (receipt, error) {
	if _, err := os.Lstat(dir); os.IsNotExist(err) {
		return receipt{}, nil
	}
	spec, err := ReadSpec(dir)
	if err == nil && !spec.IsBraid() {
		return receipt{}, fmt.Errorf("%w: %s starts %s; choose another one with --name, or remove it with: jupyter kernelspec remove %s",
			ErrForeign, dir, strings.Join(spec.Argv, " "), name)
	}
	return readReceipt(dir), nil
}

// ReadSpec reads the kernel.json in dir.
func ReadSpec(dir string) (*Spec, error) {
	path := filepath.Join(dir, "kernel.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &Spec{}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("%s is not valid: %w", path, err)
	}
	return s, nil
}

func hasReceipt(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, receiptName))
	return err == nil
}

func readReceipt(dir string) receipt {
	var r receipt
	data, err := os.ReadFile(filepath.Join(dir, receiptName))
	if err != nil || json.Unmarshal(data, &r) != nil {
		return receipt{} // an install of before, or a damaged one: only the known files are ours
	}
	return r
}

// BinaryName is the name of the copied binary in a kernelspec's folder.
func BinaryName() string {
	if runtime.GOOS == "windows" {
		return "braid.exe"
	}
	return "braid"
}

// fill writes all files of the kernelspec that will live in dir into temp.
func fill(temp, dir string, o Options, r *receipt) error {
	if err := copyFile(filepath.Join(temp, BinaryName()), o.Executable, 0o755); err != nil {
		return fmt.Errorf("copying the program: %w", err)
	}
	spec := Spec{
		Argv:            []string{filepath.Join(dir, BinaryName()), "kernel", "-f", "{connection_file}"},
		DisplayName:     o.DisplayName,
		Language:        "go",
		InterruptMode:   "message",
		ProtocolVersion: "5.5",
		Metadata:        map[string]any{"debugger": false, ours: o.Version},
	}
	files, err := logos()
	if err != nil {
		return err
	}
	if files["kernel.json"], err = indentJSON(spec); err != nil {
		return err
	}
	r.Files = append(slices.Sorted(maps.Keys(files)), BinaryName(), receiptName)
	if files[receiptName], err = indentJSON(r); err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(temp, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// indentJSON writes v as people read it: paths unescaped, a newline at the end.
func indentJSON(v any) ([]byte, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return []byte(b.String()), err
}

func copyFile(to, from string, mode os.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// swap puts temp where dir is; what dir held is in temp afterwards.
func swap(temp, dir string) error {
	if _, err := os.Lstat(dir); os.IsNotExist(err) {
		return os.Rename(temp, dir)
	}
	if exchange(temp, dir) == nil {
		return nil
	}
	// Without an atomic exchange there is an instant with no kernel, but
	// never one with half a kernel.
	aside := temp + ".old"
	if err := os.Rename(dir, aside); err != nil {
		return err
	}
	if err := os.Rename(temp, dir); err != nil {
		return errors.Join(err, os.Rename(aside, dir))
	}
	return os.Rename(aside, temp)
}

// keepForeign moves from the old folder what Braid did not put there.
func keepForeign(old, dir string, installed []string) error {
	entries, err := os.ReadDir(old)
	if err != nil {
		return nil // there was no older install
	}
	for _, e := range entries {
		to := filepath.Join(dir, e.Name())
		if _, err := os.Lstat(to); err == nil || slices.Contains(installed, e.Name()) {
			continue
		}
		if err := os.Rename(filepath.Join(old, e.Name()), to); err != nil {
			return err
		}
	}
	return nil
}

// ErrNotInstalled is wrapped by Uninstall when there is nothing to remove.
var ErrNotInstalled = errors.New("not installed")

// Uninstall removes the files that Install wrote, and the keys that it added
// to nbgrader's configuration; a folder or file that has more in it stays. It
// returns what it removed.
func Uninstall(place Place, name string) ([]string, error) {
	if name == "" {
		name = DefaultName
	}
	dir := filepath.Join(place.Share, "kernels", name)
	if _, err := os.Lstat(dir); err != nil {
		return nil, fmt.Errorf("%w: there is no kernel %q in %s", ErrNotInstalled, name, filepath.Dir(dir))
	}
	r, err := claim(dir, name)
	if err != nil {
		return nil, err
	}
	var removed []string
	if r.NBGrader != nil {
		if err := r.NBGrader.undo(); err != nil {
			return nil, err
		}
		removed = append(removed, r.NBGrader.Path+" (the entries for go)")
	}
	// kernel.json goes first: what is left of a broken removal is no kernel.
	files := append([]string{"kernel.json"}, r.Files...)
	for _, name := range files {
		if filepath.Base(name) != name {
			continue // a tampered receipt reaches no other folder
		}
		if err := os.Remove(filepath.Join(dir, name)); err == nil {
			removed = append(removed, filepath.Join(dir, name))
		} else if !os.IsNotExist(err) {
			return removed, explainPlace(err)
		}
	}
	if os.Remove(dir) == nil {
		removed = append(removed, dir)
	}
	return removed, nil
}
