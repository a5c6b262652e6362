package kernel

import (
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const goodFile = `{"transport":"tcp","ip":"127.0.0.1","key":"secret","signature_scheme":"hmac-sha256",
"shell_port":1,"iopub_port":2,"stdin_port":3,"control_port":4,"hb_port":5,"kernel_name":"braid","jupyter_session":"x.ipynb"}`

func connectionFile(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "kernel é.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadConnectionFile(t *testing.T) {
	info, err := ReadConnectionFile(connectionFile(t, goodFile))
	if err != nil {
		t.Fatal(err)
	}
	if info.Key != "secret" || info.ShellPort != 1 || info.HBPort != 5 || info.Transport != "tcp" {
		t.Errorf("%+v", info)
	}
}

func TestBadConnectionFiles(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"not JSON":     {goodFile, "secret", "invalid character"},
		"not object":   {goodFile, "[]", "cannot unmarshal array"},
		"empty":        {goodFile, "", "unexpected end"},
		"no port":      {`"shell_port":1,`, "", `"shell_port" is missing`},
		"port string":  {`"shell_port":1,`, `"shell_port":"1",`, "shell_port"},
		"no key":       {`"key":"secret",`, "", `"key" is missing`},
		"no ip":        {`"ip":"127.0.0.1",`, "", `"ip" is missing`},
		"transport":    {`"tcp"`, `"udp"`, `"udp"; it must be tcp or ipc`},
		"registration": {`"shell_port"`, `"registration_port":7,"shell_port"`, "a registration file needs kernel_id"},
		"curve":        {`"shell_port"`, `"curve_publickey":"x","shell_port"`, "transport_encryption"},
	} {
		t.Run(name, func(t *testing.T) {
			path := connectionFile(t, strings.Replace(goodFile, c.old, c.new, 1))
			_, err := ReadConnectionFile(path)
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "secret") {
				t.Errorf("error %q: want %q, the path, and no key", err, c.want)
			}
		})
	}
	if _, err := ReadConnectionFile(filepath.Join(t.TempDir(), "none.json")); err == nil {
		t.Error("a file that does not exist was read")
	}
}

func TestUnknownSignatureScheme(t *testing.T) {
	err := Serve(t.Context(), ConnectionInfo{Key: "k", SignatureScheme: "rot13"}, Options{Listen: newMemory().listen})
	if err == nil || !strings.Contains(err.Error(), "rot13") {
		t.Errorf("Serve returned %v", err)
	}
}

// Ports the kernel has chosen are written to the file; all other fields and the
// mode stay.
func TestPortsAreWrittenBack(t *testing.T) {
	path := connectionFile(t, strings.NewReplacer(":1,", ":0,", ":2,", ":0,", ":3,", ":0,", ":4,", ":0,", ":5,", ":0,").Replace(goodFile))
	info, err := ReadConnectionFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &served{t: t, net: newMemory(), fake: newFakeSession(), signals: make(chan os.Signal), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.err = Serve(t.Context(), info, Options{
			Session: func() (Session, error) { return s.fake, nil }, Listen: s.net.listen, Signals: s.signals,
			Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		})
	}()
	waitFor(t, "the ports", func() bool {
		written, err := ReadConnectionFile(path)
		return err == nil && written.ShellPort == 1 && written.HBPort == 5
	})
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]any
	if err := json.Unmarshal(data, &raw); err != nil {
		t.Fatal(err)
	}
	if raw["key"] != "secret" || raw["jupyter_session"] != "x.ipynb" {
		t.Errorf("fields are lost: %s", data)
	}
	stat, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if stat.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", stat.Mode())
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 1 {
		t.Errorf("files left behind: %v, %v", files, err)
	}
	s.signals <- os.Interrupt
}
