package install

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"braid/install/venv"
)

// Status is how serious a finding is.
type Status string

const (
	OK      Status = "ok"
	Warning Status = "warning" // works, but not as it could
	Fault   Status = "fault"   // does not work
)

// Finding is what the doctor says of one thing.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Detail string `json:"detail"`
	Cure   string `json:"cure,omitempty"` // what to do; empty if all is well
}

// Report is all that the doctor found.
type Report struct {
	Version  string    `json:"version"`
	Go       string    `json:"go"`
	Platform string    `json:"platform"`
	Findings []Finding `json:"findings"`
}

// Healthy tells that nothing is broken. Warnings do not count.
func (r *Report) Healthy() bool {
	for _, f := range r.Findings {
		if f.Status == Fault {
			return false
		}
	}
	return true
}

func (r *Report) add(check string, status Status, cure, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{check, status, fmt.Sprintf(format, args...), cure})
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) {
	fmt.Fprintf(w, "Braid %s (%s, %s)\n\n", r.Version, r.Go, r.Platform)
	marks := map[Status]string{OK: "ok     ", Warning: "warning", Fault: "FAULT  "}
	for _, f := range r.Findings {
		fmt.Fprintf(w, "%s  %s: %s\n", marks[f.Status], f.Check, strings.ReplaceAll(f.Detail, "\n", "\n           "))
		if f.Cure != "" {
			fmt.Fprintf(w, "         what to do: %s\n", f.Cure)
		}
	}
	if r.Healthy() {
		fmt.Fprintln(w, "\nThe kernel works.")
	}
}

// DoctorOptions say what is examined and how.
type DoctorOptions struct {
	Version string // of this braid
	// Ping speaks to the kernel that listens where the connection file says:
	// it runs a cell, shuts the kernel down, and returns what the cell printed.
	Ping func(ctx context.Context, connectionFile string) (string, error)
}

// startTimeout is how long a kernel may take to answer; a healthy one needs
// some 50 ms, a loaded machine more.
const startTimeout = 30 * time.Second

// Examine looks at every place where the kernel may be installed, at Jupyter,
// and at the kernel at work. It changes nothing, and takes about two seconds.
func Examine(ctx context.Context, o DoctorOptions) *Report {
	r := &Report{Version: o.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	private := examinePrivateLab(ctx, r)
	lab := examineLab(ctx, r, private)
	specs := installedSpecs(ctx, lab, private)
	if len(specs) == 0 {
		r.add("kernelspec", Fault, "braid install", "the kernel is not installed in any folder that Jupyter searches:\n%s", strings.Join(JupyterPath(""), "\n"))
	}
	for _, s := range specs {
		s.examine(ctx, r, o.Version)
	}
	if lab != "" && len(specs) > 0 {
		examineSight(ctx, r, lab)
	}
	for _, s := range specs {
		if s.broken == nil {
			examineKernel(ctx, r, o, s)
			break
		}
	}
	return r
}

func examinePrivateLab(ctx context.Context, r *Report) (prefix string) {
	data, err := UserData()
	if err != nil {
		r.add("home", Fault, "set the environment variable HOME", "%v", err)
		return ""
	}
	dir := filepath.Join(data, "lab")
	if _, err := os.Stat(dir); err != nil {
		return ""
	}
	env := &venv.Env{Dir: dir}
	version, err := labVersion(ctx, env.Bin("jupyter-lab"))
	if err != nil {
		r.add("private JupyterLab", Warning, "braid lab --prepare-only (builds it anew)", "the one in %s does not start: %v", dir, err)
		return ""
	}
	r.add("private JupyterLab", OK, "", "%s in %s", version, dir)
	return dir
}

// examineLab returns the jupyter-lab on PATH, if it works.
func examineLab(ctx context.Context, r *Report, private string) string {
	program, version := labOnPath(ctx)
	switch {
	case program != "":
		r.add("JupyterLab", OK, "", "%s at %s", version, program)
	case version != "":
		r.add("JupyterLab", Warning, "pip install --upgrade jupyterlab, or let `braid lab` make a private one", "the one on PATH is version %s; %d or later is needed", version, oldestLab)
	case private == "":
		r.add("JupyterLab", Warning, "braid lab (makes a private one)", "none on PATH")
	default:
		r.add("JupyterLab", OK, "", "none on PATH; `braid lab` uses the private one")
	}
	return program
}

// installedSpec is one kernelspec of Braid's.
type installedSpec struct {
	name, dir string
	spec      *Spec
	shadow    string // the folder that Jupyter finds first under this name, if another
	broken    error
}

// ours reports whether Braid installed s, as its kernel.json tells, or its
// receipt if that is damaged.
func (s *installedSpec) ours() bool { return s.broken != nil || s.spec.IsBraid() }

// installedSpecs finds Braid's kernelspecs in Jupyter's search path and in the
// private laboratory.
func installedSpecs(ctx context.Context, lab, private string) []*installedSpec {
	prefix := ""
	if lab != "" {
		prefix = labPrefix(ctx, lab)
	}
	var specs []*installedSpec
	first := map[string]string{}
	for _, share := range JupyterPath(prefix) {
		for _, s := range specsIn(share, first) {
			if s.ours() {
				specs = append(specs, s)
			}
		}
	}
	if private != "" {
		specs = append(specs, specsOfPrivate(private)...)
	}
	return specs
}

func specsOfPrivate(prefix string) []*installedSpec {
	var specs []*installedSpec
	for _, s := range specsIn(filepath.Join(prefix, "share", "jupyter"), map[string]string{}) {
		if s.ours() {
			specs = append(specs, s)
		}
	}
	return specs
}

// specsIn lists the kernelspecs below share that can be read, and those of
// Braid's that cannot; first remembers, by name, the folder found first.
func specsIn(share string, first map[string]string) []*installedSpec {
	entries, err := os.ReadDir(filepath.Join(share, "kernels"))
	if err != nil {
		return nil
	}
	var specs []*installedSpec
	for _, e := range entries {
		s := &installedSpec{name: e.Name(), dir: filepath.Join(share, "kernels", e.Name())}
		if s.spec, err = ReadSpec(s.dir); err != nil {
			if !hasReceipt(s.dir) {
				continue
			}
			s.spec, s.broken = &Spec{}, err
		}
		if first[s.name] == "" {
			first[s.name] = s.dir
		} else {
			s.shadow = first[s.name]
		}
		specs = append(specs, s)
	}
	return specs
}

// labPrefix is the sys.prefix of the Python behind a jupyter-lab script, which
// the script's first line names; "" if that cannot be told.
func labPrefix(ctx context.Context, lab string) string {
	if prefix, err := sysPrefix(ctx, filepath.Join(filepath.Dir(lab), "python")); err == nil {
		return prefix
	}
	data, err := os.ReadFile(lab)
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	python, ok := strings.CutPrefix(string(line), "#!")
	if !ok {
		return ""
	}
	prefix, err := sysPrefix(ctx, strings.TrimSpace(python))
	if err != nil {
		return ""
	}
	return prefix
}

func (s *installedSpec) examine(ctx context.Context, r *Report, version string) {
	check := "kernelspec " + s.name
	cure := "braid install" + s.flags()
	if s.shadow != "" {
		r.add(check, Warning, "remove one of the two: jupyter kernelspec list shows them", "%s is hidden by %s, which Jupyter finds first", s.dir, s.shadow)
		s.broken = errors.New("hidden")
		return
	}
	if s.broken == nil {
		s.broken = s.runnable()
	}
	if s.broken != nil {
		r.add(check, Fault, cure, "%s: %v", s.dir, s.broken)
		return
	}
	out, err := exec.CommandContext(ctx, s.spec.Argv[0], "--version").Output()
	if err != nil {
		s.broken = err
		r.add(check, Fault, cure, "%s does not start: %v", s.spec.Argv[0], err)
		return
	}
	if got := strings.TrimSpace(strings.TrimPrefix(string(out), "braid ")); got != version {
		r.add(check, Warning, cure, "%s has version %s, this is %s", s.dir, got, version)
		return
	}
	if same, err := sameProgram(s.spec.Argv[0]); err == nil && !same {
		r.add(check, Warning, cure, "%s holds another build of version %s than the program that you run now", s.dir, version)
		return
	}
	r.add(check, OK, "", "%s (%s)", s.dir, s.spec.DisplayName)
}

// sameProgram tells whether path has the bytes of the running program.
func sameProgram(path string) (bool, error) {
	self, err := os.Executable()
	if err != nil {
		return false, err
	}
	a, err1 := digest(self)
	b, err2 := digest(path)
	return a == b, errors.Join(err1, err2)
}

func digest(path string) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	copy(sum[:], h.Sum(nil))
	return sum, err
}

// flags are those that make `braid install` put a kernel where s is.
func (s *installedSpec) flags() string {
	flags := ""
	if s.name != DefaultName {
		flags = " --name " + s.name
	}
	share := filepath.Dir(filepath.Dir(s.dir))
	if user, err := JupyterDataDir(); err == nil && share == user {
		return flags
	}
	if prefix, ok := strings.CutSuffix(share, filepath.Join(string(filepath.Separator)+"share", "jupyter")); ok {
		return fmt.Sprintf("%s --prefix %q", flags, prefix)
	}
	return flags
}

func (s *installedSpec) runnable() error {
	if len(s.spec.Argv) == 0 {
		return errors.New("kernel.json has an empty argv")
	}
	program := s.spec.Argv[0]
	if !filepath.IsAbs(program) {
		return fmt.Errorf("kernel.json names %q, which is no absolute path", program)
	}
	st, err := os.Stat(program)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("the program %s is missing", program)
	}
	if err != nil {
		return err
	}
	if runtime.GOOS != "windows" && st.Mode()&0o111 == 0 {
		return fmt.Errorf("%s is not executable", program)
	}
	return nil
}

// examineSight asks Jupyter itself which kernels it sees.
func examineSight(ctx context.Context, r *Report, lab string) {
	const check = "Jupyter's own list"
	jupyter := filepath.Join(filepath.Dir(lab), "jupyter-kernelspec")
	out, err := exec.CommandContext(ctx, jupyter, "list", "--json").Output()
	var seen struct {
		Kernelspecs map[string]struct {
			ResourceDir string `json:"resource_dir"`
			Spec        *Spec  `json:"spec"`
		} `json:"kernelspecs"`
	}
	if err == nil {
		err = json.Unmarshal(out, &seen)
	}
	if err != nil {
		r.add(check, Warning, "see whether this works: jupyter kernelspec list", "asking %s failed: %v", jupyter, err)
		return
	}
	for name, k := range seen.Kernelspecs {
		if k.Spec != nil && k.Spec.IsBraid() {
			r.add(check, OK, "", "sees the kernel %s in %s", name, k.ResourceDir)
			return
		}
	}
	r.add(check, Fault, "braid install", "does not have the kernel, so JupyterLab cannot offer it")
}

// examineKernel starts the kernel as Jupyter would, and runs a cell.
func examineKernel(ctx context.Context, r *Report, o DoctorOptions, s *installedSpec) {
	const check = "the kernel at work"
	took, err := tryKernel(ctx, o, s)
	if err != nil {
		r.add(check, Fault, "braid install"+s.flags()+"; if that does not help, report it with this text", "%v", err)
		return
	}
	r.add(check, OK, "", "%s started, ran a cell and ended, in %d ms", s.name, took.Milliseconds())
}

// question and answer are the cell that is run and what it prints.
const (
	question = "import \"fmt\"\nfmt.Print(6 * 7)"
	answer   = "42"
)

// Question is the cell that DoctorOptions.Ping is to run.
func Question() string { return question }

func tryKernel(ctx context.Context, o DoctorOptions, s *installedSpec) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	dir, err := os.MkdirTemp("", "braid-doctor-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "kernel.json")
	if err := writeConnection(file, s.name); err != nil {
		return 0, err
	}
	argv := make([]string, len(s.spec.Argv))
	for i, a := range s.spec.Argv {
		argv[i] = strings.ReplaceAll(strings.ReplaceAll(a, "{connection_file}", file), "{resource_dir}", s.dir)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	got, err := o.Ping(ctx, file)
	if err == nil && got != answer {
		err = fmt.Errorf("a cell that prints %s printed %q", answer, got)
	}
	if err != nil {
		cancel()
		cmd.Wait()
		return 0, fmt.Errorf("%w\n%s", err, strings.TrimSpace(log.String()))
	}
	if err := cmd.Wait(); err != nil {
		return 0, fmt.Errorf("the kernel did not end well after a shutdown request: %w\n%s", err, strings.TrimSpace(log.String()))
	}
	return time.Since(begin), nil
}

// writeConnection writes a connection file (jupyter_client, "Connection
// files") for five ports that are free now.
func writeConnection(path, kernel string) error {
	c := map[string]any{
		"transport": "tcp", "ip": "127.0.0.1", "signature_scheme": "hmac-sha256",
		"key": rand.Text(), "kernel_name": kernel,
	}
	for _, channel := range []string{"shell", "iopub", "stdin", "control", "hb"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close() // held until all five are known, so that they differ
		c[channel+"_port"] = l.Addr().(*net.TCPAddr).Port
	}
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}
