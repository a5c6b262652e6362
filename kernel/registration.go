package kernel

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// registration is what a registration file adds to a connection (JEP 66): whom to
// tell the ports that the kernel has chosen.
type registration struct {
	KernelID string `json:"kernel_id"`
	IP       string `json:"registration_ip"`
	Port     int    `json:"registration_port"`
}

// registrationLimit is how long the other end may take to acknowledge; then the
// kernel gives up, since nobody would ever connect to it.
const registrationLimit = 5 * time.Second

// register reads the fields of a registration file. The kernel listens on free
// ports of the address from which it reaches the registrar: on loopback, unless
// that is another machine.
func (info *ConnectionInfo) register(data []byte) error {
	r := &registration{}
	if err := json.Unmarshal(data, r); err != nil {
		return err
	}
	switch {
	case info.Transport != "" && info.Transport != "tcp":
		return fmt.Errorf("transport is %q; a registration file must have tcp", info.Transport)
	case r.KernelID == "" || r.IP == "" || r.Port <= 0 || r.Port > 65535:
		return errors.New("a registration file needs kernel_id, registration_ip and registration_port")
	case info.SignatureScheme != "" && info.SignatureScheme != "hmac-sha256":
		return fmt.Errorf("signature_scheme is %q; registration needs hmac-sha256", info.SignatureScheme)
	}
	// Nothing is sent yet: UDP "connects" by choosing a local address.
	probe, err := net.Dial("udp", net.JoinHostPort(r.IP, strconv.Itoa(r.Port)))
	if err != nil {
		return fmt.Errorf("registration_ip: %w", err)
	}
	defer probe.Close()
	info.IP, _, err = net.SplitHostPort(probe.LocalAddr().String())
	info.Transport, info.registration = "tcp", r
	return err
}

// announce sends the ports to the registrar and waits for its signed
// acknowledgement. The message has one signed part, unlike all others.
func (info *ConnectionInfo) announce(ctx context.Context) error {
	r := info.registration
	ctx, cancel := context.WithTimeout(ctx, registrationLimit)
	defer cancel()
	body, err := json.Marshal(map[string]string{
		"kernel_id":    r.KernelID,
		"shell_port":   strconv.Itoa(info.ShellPort),
		"iopub_port":   strconv.Itoa(info.IOPubPort),
		"stdin_port":   strconv.Itoa(info.StdinPort),
		"control_port": strconv.Itoa(info.ControlPort),
		"hb_port":      strconv.Itoa(info.HBPort),
	})
	if err != nil {
		return err
	}
	if err := info.exchange(ctx, body); err != nil {
		return fmt.Errorf("registering at %s:%d: %w", r.IP, r.Port, errors.Join(err, context.Cause(ctx)))
	}
	return nil
}

func (info *ConnectionInfo) exchange(ctx context.Context, body []byte) error {
	var d net.Dialer
	raw, err := d.DialContext(ctx, "tcp", net.JoinHostPort(info.registration.IP, strconv.Itoa(info.registration.Port)))
	if err != nil {
		return err
	}
	defer raw.Close()
	defer context.AfterFunc(ctx, func() { raw.Close() })()
	c := &pingConn{Conn: raw, in: bufio.NewReader(raw), channel: "registration"}
	if err := c.greet("DEALER"); err != nil {
		return err
	}
	if err := c.send([][]byte{[]byte("<IDS|MSG>"), info.signPart(body), body}); err != nil {
		return err
	}
	frames, err := c.receive()
	if err != nil {
		return err
	}
	if n := len(frames); n < 2 || !hmac.Equal(frames[n-2], info.signPart(frames[n-1])) {
		return errors.New("the acknowledgement is not signed with the key of the registration file")
	}
	return nil
}

func (info *ConnectionInfo) signPart(part []byte) []byte {
	if info.Key == "" {
		return nil
	}
	mac := hmac.New(sha256.New, []byte(info.Key))
	mac.Write(part)
	return []byte(hex.EncodeToString(mac.Sum(nil)))
}
