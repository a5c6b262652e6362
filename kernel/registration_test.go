package kernel

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"

	"braid/kernel/internal/zmq"
)

// registered starts a kernel from a registration file and returns the registrar's
// end, and what Serve will return.
func registered(t *testing.T) (zmq.Socket, <-chan error) {
	registrar, err := zmq.Listen(zmq.Config{Transport: "tcp", IP: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { registrar.Close() })
	info, err := ReadConnectionFile(connectionFile(t, fmt.Sprintf(
		`{"kernel_id":"k1","transport":"tcp","registration_ip":"127.0.0.1","registration_port":%d,"signature_scheme":"hmac-sha256","key":"regkey"}`,
		registrar.Ports().Shell)))
	if err != nil {
		t.Fatal(err)
	}
	returned := make(chan error, 1)
	go func() {
		returned <- Serve(t.Context(), info, Options{
			Session: func() (Session, error) { return newFakeSession(), nil },
			Signals: make(chan os.Signal), Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		})
	}()
	return registrar.Shell, returned
}

func TestRegistration(t *testing.T) {
	registrar, returned := registered(t)
	frames, err := registrar.Recv()
	if err != nil || len(frames) != 4 || string(frames[1]) != "<IDS|MSG>" {
		t.Fatalf("%q, %v", frames, err)
	}
	info := ConnectionInfo{Transport: "tcp", IP: "127.0.0.1", Key: "regkey"}
	if string(info.signPart(frames[3])) != string(frames[2]) {
		t.Error("the registration is not signed")
	}
	var body map[string]string
	if err := json.Unmarshal(frames[3], &body); err != nil || body["kernel_id"] != "k1" {
		t.Errorf("%s, %v", frames[3], err)
	}
	for name, port := range map[string]*int{
		"shell_port": &info.ShellPort, "iopub_port": &info.IOPubPort, "stdin_port": &info.StdinPort,
		"control_port": &info.ControlPort, "hb_port": &info.HBPort,
	} {
		if _, err := fmt.Sscan(body[name], port); err != nil || *port == 0 {
			t.Errorf("%s is %q", name, body[name])
		}
	}
	ack := []byte(`{"status":"ok"}`)
	if err := registrar.Send([][]byte{frames[0], frames[1], info.signPart(ack), ack}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if out, err := Ping(ctx, info, "print hello"); err != nil || out != "hello\n" {
		t.Errorf("%q, %v", out, err)
	}
	if err := <-returned; err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

func TestRegistrationRefused(t *testing.T) {
	registrar, returned := registered(t)
	frames, err := registrar.Recv()
	if err != nil {
		t.Fatal(err)
	}
	registrar.Send([][]byte{frames[0], frames[1], []byte(strings.Repeat("0", 64)), []byte("{}")})
	if err := <-returned; err == nil || !strings.Contains(err.Error(), "not signed with the key") {
		t.Errorf("Serve returned %v", err)
	}
}
