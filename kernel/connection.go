package kernel

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"braid/kernel/internal/protocol"
)

// ConnectionInfo is a connection file: where to listen, and the key that signs
// messages (jupyter_client, docs/kernels.rst, "Connection files").
type ConnectionInfo struct {
	Transport       string `json:"transport"` // tcp or ipc
	IP              string `json:"ip"`        // for ipc the head of the sockets' paths
	Key             string `json:"key"`       // "" means that nothing is signed
	SignatureScheme string `json:"signature_scheme"`
	ShellPort       int    `json:"shell_port"` // a port 0 is chosen by the kernel
	IOPubPort       int    `json:"iopub_port"`
	StdinPort       int    `json:"stdin_port"`
	ControlPort     int    `json:"control_port"`
	HBPort          int    `json:"hb_port"`

	registration *registration // whom to tell the ports (JEP 66); nil for a connection file

	path string         // the file it was read from, "" if none
	raw  map[string]any // the file, with the fields that are not ours
}

// ReadConnectionFile reads and checks a connection file, or a registration file
// (JEP 66), which leaves the ports to the kernel. Its errors say what is
// wrong with which file; they never contain the key.
func ReadConnectionFile(path string) (ConnectionInfo, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return ConnectionInfo{}, fmt.Errorf("connection file: %w", err)
	}
	info := ConnectionInfo{path: path}
	err = errors.Join(json.Unmarshal(data, &info.raw), json.Unmarshal(data, &info))
	if err == nil {
		err = info.check(data)
	}
	if err != nil {
		return ConnectionInfo{}, fmt.Errorf("connection file %s: %w", path, err)
	}
	return info, nil
}

func (info *ConnectionInfo) check(data []byte) error {
	for _, name := range []string{"curve_publickey", "curve_secretkey"} {
		if _, ok := info.raw[name]; ok {
			return errors.New("it asks for CURVE encryption, which this kernel does not support; set the server's transport_encryption to off")
		}
	}
	if _, ok := info.raw["registration_port"]; ok {
		return info.register(data)
	}
	for _, name := range []string{"shell_port", "iopub_port", "stdin_port", "control_port", "hb_port", "key"} {
		if _, ok := info.raw[name]; !ok {
			return fmt.Errorf("the field %q is missing", name)
		}
	}
	if info.Transport == "" {
		info.Transport = "tcp"
	}
	if info.Transport != "tcp" && info.Transport != "ipc" {
		return fmt.Errorf("transport is %q; it must be tcp or ipc", info.Transport)
	}
	if info.IP == "" {
		return errors.New(`the field "ip" is missing or empty`)
	}
	return nil
}

func (info *ConnectionInfo) ports() protocol.Ports {
	return protocol.Ports{
		Shell: info.ShellPort, IOPub: info.IOPubPort, Stdin: info.StdinPort,
		Control: info.ControlPort, HB: info.HBPort,
	}
}

// hasFreePorts reports whether a port is left to the kernel.
func (info *ConnectionInfo) hasFreePorts() bool {
	return info.ShellPort == 0 || info.IOPubPort == 0 || info.StdinPort == 0 || info.ControlPort == 0 || info.HBPort == 0
}

// writeBack puts the ports into the file the info was read from, as ipykernel
// does it, keeping all other fields. The file is replaced at once and readable
// by its owner only.
func (info *ConnectionInfo) writeBack() error {
	if info.path == "" {
		return nil
	}
	info.raw = maps.Clone(info.raw) // shared by all copies of info
	for name, port := range map[string]int{
		"shell_port": info.ShellPort, "iopub_port": info.IOPubPort, "stdin_port": info.StdinPort,
		"control_port": info.ControlPort, "hb_port": info.HBPort,
	} {
		info.raw[name] = port
	}
	data, err := json.MarshalIndent(info.raw, "", " ")
	if err != nil {
		return err
	}
	if err := replaceFile(info.path, data); err != nil {
		return fmt.Errorf("connection file: the chosen ports could not be written: %w", err)
	}
	return nil
}

// replaceFile writes a file of mode 0600 beside path and renames it to path.
func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it is renamed
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
