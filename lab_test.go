package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"braid/install/venv/venvtest"
)

// The laboratory as a newcomer gets it: an empty home, no JupyterLab. The
// private environment is kept in the cache from one run to the next, as making
// it takes a minute and the network.
func TestLabServesTheKernel(t *testing.T) {
	venvtest.LabData(t)
	home(t)
	lab := exec.Command(os.Args[0], "lab", "--private", "--no-browser", "--ip", "127.0.0.1")
	var log bytes.Buffer
	lab.Stderr = &log
	out, err := lab.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := lab.Start(); err != nil {
		t.Fatal(err)
	}
	defer lab.Process.Kill()
	address := awaitAddress(t, out, &log)
	if page := get(t, address, "lab/tree/course/00-start-here.ipynb", nil); !strings.Contains(page, "jupyter-config-data") {
		t.Errorf("JupyterLab's page: %.300s", page)
	}
	if specs := get(t, address, "api/kernelspecs", nil); !strings.Contains(specs, `"display_name": "Go (Braid)"`) || !strings.Contains(specs, "logo-svg.svg") {
		t.Errorf("kernelspecs: %s", specs)
	}
	if nb := get(t, address, "api/contents/course/00-start-here.ipynb", nil); !strings.Contains(nb, "Hello from Go") {
		t.Errorf("the first lesson: %.300s", nb)
	}
	startKernel(t, address)

	if err := lab.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, out)
	if err := lab.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v\n%s", err, log.String())
	}
	if _, err := http.Get(address.String()); err == nil {
		t.Error("JupyterLab still serves after Ctrl-C")
	}
}

var address = regexp.MustCompile(`http://127\.0\.0\.1:\d+/lab\S*\?token=\S+`)

// awaitAddress reads what braid lab prints, up to JupyterLab's address.
func awaitAddress(t *testing.T, out io.Reader, log fmt.Stringer) *url.URL {
	t.Helper()
	var said []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		said = append(said, lines.Text())
		if s := address.FindString(lines.Text()); s != "" {
			u, err := url.Parse(s)
			if err != nil {
				t.Fatal(err)
			}
			return u
		}
	}
	t.Fatalf("braid lab ended without an address:\n%s\n%s", strings.Join(said, "\n"), log)
	return nil
}

// get asks the server, with POST if there is a body.
func get(t *testing.T, address *url.URL, path string, body any) string {
	t.Helper()
	method, data := http.MethodGet, []byte(nil)
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
		method = http.MethodPost
	}
	u := url.URL{Scheme: address.Scheme, Host: address.Host, Path: "/" + path}
	req, err := http.NewRequest(method, u.String(), bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "token "+address.Query().Get("token"))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %s, %v\n%s", method, path, resp.Status, err, text)
	}
	return string(text)
}

// startKernel starts a kernel through the server, and runs a cell in it as
// another client of the same kernel.
func startKernel(t *testing.T, address *url.URL) {
	t.Helper()
	var started struct {
		ID string `json:"id"`
	}
	answer := get(t, address, "api/kernels", map[string]string{"name": "braid"})
	if err := json.Unmarshal([]byte(answer), &started); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	files, _ := filepath.Glob(filepath.Join(os.Getenv("HOME"), ".local", "share", "jupyter", "runtime", "kernel-*"+started.ID+"*.json"))
	if len(files) != 1 {
		t.Fatalf("connection files of the kernel %s: %q", started.ID, files)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if printed, err := ping(ctx, files[0]); err != nil || printed != "42" {
		t.Errorf("a cell printed %q, %v", printed, err)
	}
}
