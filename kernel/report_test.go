package kernel

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"braid/kernel/internal/wire"
)

// At its end the kernel says what it had to refuse, and nothing if that was nothing.
func TestReport(t *testing.T) {
	signer, err := wire.NewSigner("hmac-sha256", testKey)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	counts := map[string]uint64{"slow_peers": 0}
	k := &kernel{
		log: slog.New(slog.NewTextHandler(&log, nil)), signer: signer,
		transport: &Transport{Counts: func() map[string]uint64 { return counts }},
	}
	k.report()
	if log.Len() > 0 {
		t.Errorf("nothing was refused, but: %s", &log)
	}
	forged, _ := wire.NewSigner("hmac-sha256", "another key")
	m := &wire.Message{Header: wire.NewHeader("kernel_info_request", "s", "u"), Content: []byte("{}")}
	if _, err := signer.Decode(forged.Encode(m)); err == nil {
		t.Fatal("a forged message was accepted")
	}
	counts["malformed"] = 2
	k.report()
	for _, want := range []string{"wrong_signature=1", "malformed=2"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in %s", want, &log)
		}
	}
	if strings.Contains(log.String(), "slow_peers") {
		t.Errorf("zero counts are logged: %s", &log)
	}
}
