package install

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"braid/install/venv"
)

// labRequirements are the pinned packages of the private laboratory, the one
// place where their versions stand.
var labRequirements = []string{"jupyterlab==4.6.6", "nbgrader==0.9.6", "ipywidgets==8.1.9"}

// oldestLab is the oldest JupyterLab on PATH that is used as it is.
const oldestLab = 4

// LabOptions say how to open the laboratory.
type LabOptions struct {
	Dir string // of notebooks; empty means the default folder, made if need be
	// Course is the folder below Dir in which LayOut puts the course; empty for none.
	Course string
	// LayOut writes the course to dir, without touching what the user changed,
	// says what it did, and names the page to begin with.
	LayOut      func(dir string, say func(string)) (page string, err error)
	PrepareOnly bool // install everything, start nothing
	NoBrowser   bool
	Verbose     bool   // show JupyterLab's whole log
	Private     bool   // use the private environment even if JupyterLab is on PATH
	Port        int    // 0 means the first free one from 8888
	IP          string // empty means localhost
	Version     string // of this braid
	Out         io.Writer
	Terminal    bool // Out is a terminal
}

// Lab prepares JupyterLab with this kernel and runs it until ctx ends. Without
// Python or network its error wraps venv.ErrNoPython or venv.ErrNoPackages.
func Lab(ctx context.Context, o LabOptions) error {
	say := newProgress(o.Out, o.Terminal)
	defer say.close()
	if err := o.checkPort(); err != nil {
		return err
	}
	dir, page, err := o.notebooks(say)
	if err != nil {
		return err
	}
	lab, err := o.prepare(ctx, say)
	if err != nil {
		return err
	}
	if o.PrepareOnly {
		say.line(strings.TrimSpace("Everything is in place. Start it with: braid lab " + o.Dir))
		return nil
	}
	return o.serve(ctx, say, lab, dir, page)
}

func (o LabOptions) checkPort() error {
	if o.Port == 0 || o.PrepareOnly {
		return nil
	}
	l, err := net.Listen("tcp", net.JoinHostPort(o.IP, strconv.Itoa(o.Port)))
	if err != nil {
		return fmt.Errorf("port %d cannot be used (%w); choose another one with --port, or leave it out", o.Port, err)
	}
	return l.Close()
}

// laboratory is a JupyterLab that is ready to start.
type laboratory struct {
	program string
	private bool
}

func (o LabOptions) prepare(ctx context.Context, say *progress) (*laboratory, error) {
	if program, version := labOnPath(ctx); program != "" && !o.Private {
		say.line("Using JupyterLab " + version + " at " + program)
		place, err := User()
		if err != nil {
			return nil, err
		}
		// nbgrader's settings are the user's own here: braid install --nbgrader is there for them.
		return &laboratory{program: program}, o.install(say, place, false)
	}
	data, err := UserData()
	if err != nil {
		return nil, err
	}
	say.line("Preparing JupyterLab in a private environment (once; it takes a minute or so)")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return nil, fmt.Errorf("making the folder of Braid's data: %w; name one that you may write to with BRAID_DATA_DIR", err)
	}
	env, err := venv.Prepare(ctx, filepath.Join(data, "lab"), labRequirements, say.step)
	if err != nil {
		return nil, explainLab(err)
	}
	if err := quietNews(env.Dir); err != nil {
		return nil, err
	}
	place, err := Prefix(env.Dir)
	if err != nil {
		return nil, err
	}
	return &laboratory{program: env.Bin("jupyter-lab"), private: true}, o.install(say, place, true)
}

func (o LabOptions) install(say *progress, place Place, nbgrader bool) error {
	done, err := Install(Options{Place: place, Version: o.Version, NBGrader: nbgrader})
	if err != nil {
		return fmt.Errorf("installing the kernel: %w", err)
	}
	say.line("The kernel " + DefaultDisplayName + " is in " + done.Dir)
	return nil
}

// explainLab adds the way on that needs neither Python nor network.
func explainLab(err error) error {
	if errors.Is(err, venv.ErrNoPython) || errors.Is(err, venv.ErrNoPackages) {
		return fmt.Errorf("JupyterLab cannot be prepared: %w\nWithout JupyterLab, `braid run NOTEBOOK.ipynb --html` executes notebooks and makes pages of them; it needs neither Python nor a network", err)
	}
	return err
}

// labOnPath is the jupyter-lab on PATH, if it works and is new enough.
func labOnPath(ctx context.Context) (program, version string) {
	program, err := exec.LookPath("jupyter-lab")
	if err != nil {
		return "", ""
	}
	version, err = labVersion(ctx, program)
	major, _, _ := strings.Cut(version, ".")
	if n, _ := strconv.Atoi(major); err != nil || n < oldestLab {
		return "", version
	}
	return program, version
}

func labVersion(ctx context.Context, program string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	return strings.TrimSpace(string(out)), err
}

// quietNews keeps a private JupyterLab from asking newcomers whether it may
// look for news, before they have seen a notebook.
func quietNews(prefix string) error {
	dir := filepath.Join(prefix, "share", "jupyter", "lab", "settings")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "overrides.json"),
		[]byte(`{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}`+"\n"), 0o644)
}

// notebooks is the folder to open and the page to show first ("" for none).
func (o LabOptions) notebooks(say *progress) (dir, page string, err error) {
	dir = o.Dir
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", "", fmt.Errorf("%w; set HOME, or name a folder: braid lab DIR", err)
		}
		dir = filepath.Join(home, "braid-notebooks")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", "", err
	}
	if st, err := os.Stat(dir); err == nil && !st.IsDir() {
		return "", "", fmt.Errorf("%s is a file; braid lab opens a folder", dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", "", fmt.Errorf("making the folder of notebooks: %w; name a folder that you may write to: braid lab DIR", err)
	}
	if o.Course == "" {
		return dir, "", nil
	}
	page, err = o.LayOut(filepath.Join(dir, o.Course), say.line)
	return dir, filepath.ToSlash(filepath.Join(o.Course, page)), err
}

func (o LabOptions) arguments(dir, page string) []string {
	args := []string{"--ServerApp.root_dir=" + dir, "--MappingKernelManager.default_kernel_name=" + DefaultName}
	if page != "" {
		args = append(args, "--LabApp.default_url=/lab/tree/"+page)
	}
	if o.NoBrowser {
		args = append(args, "--no-browser")
	}
	if o.Port != 0 {
		args = append(args, "--ServerApp.port="+strconv.Itoa(o.Port), "--ServerApp.port_retries=0")
	}
	if o.IP != "" {
		args = append(args, "--ServerApp.ip="+o.IP)
	}
	if os.Geteuid() == 0 {
		args = append(args, "--allow-root") // else Jupyter refuses to start in most containers
	}
	return args
}

// serve runs JupyterLab until it ends or ctx does.
func (o LabOptions) serve(ctx context.Context, say *progress, lab *laboratory, dir, page string) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go endWithParent(ctx, stop)
	cmd := exec.CommandContext(ctx, lab.program, o.arguments(dir, page)...)
	cmd.Dir = dir
	cmd.Cancel = func() error { return endGently(cmd.Process) }
	cmd.WaitDelay = 15 * time.Second
	separate(cmd) // Ctrl-C comes to braid alone: Jupyter would ask whether we are sure
	if lab.private {
		cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(lab.program)+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	out, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	say.line("Starting JupyterLab on " + dir)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting JupyterLab: %w", err)
	}
	log := &labLog{ctx: ctx, say: say, verbose: o.Verbose, browser: !o.NoBrowser}
	log.read(out)
	err = cmd.Wait()
	if ctx.Err() != nil {
		say.line("JupyterLab has ended.")
		return nil
	}
	if err != nil {
		return fmt.Errorf("JupyterLab ended: %w\n%s", err, log.tail.String())
	}
	return nil
}

// labLog reads JupyterLab's log and shows what matters: its address and errors.
type labLog struct {
	ctx     context.Context // once it is done, trouble is to be expected
	say     *progress
	verbose bool
	browser bool
	shown   bool // the address was shown
	tail    bytes.Buffer
}

// labTrouble is a line of level error or critical that says something; the box
// around the address has critical ones that do not.
var labTrouble = regexp.MustCompile(`^\[[EC] [^\]]*\] \S`)

var labAddress = regexp.MustCompile(`https?://\S+/lab\S*`)

// tailBytes is how much of the log an error report may quote.
const tailBytes = 4 << 10

func (l *labLog) read(out io.Reader) {
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		l.line(strings.TrimRight(line, "\r\n"))
		if err != nil {
			return
		}
	}
}

func (l *labLog) line(line string) {
	if line == "" {
		return
	}
	fmt.Fprintln(&l.tail, line)
	if extra := l.tail.Len() - tailBytes; extra > 0 {
		l.tail.Next(extra)
	}
	if l.verbose {
		l.say.line(line)
	}
	if address := labAddress.FindString(line); address != "" && !l.shown {
		l.shown = true
		awaitServer(l.ctx, address)
		l.say.line("\nJupyterLab is ready:\n\n    " + address + "\n")
		if l.browser {
			l.say.line("Your browser should open it; if not, copy the address there.")
		}
		l.say.line("Press Ctrl-C here to end it.")
		return
	}
	if !l.verbose && l.ctx.Err() == nil && labTrouble.MatchString(line) {
		l.say.line(line)
	}
}

// awaitServer waits, for some seconds at most, until something listens at the
// address: Jupyter prints it a moment too early.
func awaitServer(ctx context.Context, address string) {
	u, err := url.Parse(address)
	if err != nil {
		return
	}
	d := net.Dialer{}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if c, err := d.DialContext(ctx, "tcp", u.Host); err == nil {
			c.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// endWithParent calls stop when `go run`, our parent, is gone: it dies of
// SIGTERM without a word to the program that it started, and nobody could end
// the laboratory then. Without `go run` the parent may go (nohup, disown).
func endWithParent(ctx context.Context, stop func()) {
	exe, err := os.Executable()
	if err != nil || !strings.Contains(exe, string(filepath.Separator)+"go-build") {
		return
	}
	parent := os.Getppid()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if os.Getppid() != parent {
				stop()
				return
			}
		}
	}
}
