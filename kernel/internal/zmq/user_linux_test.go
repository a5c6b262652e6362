package zmq

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

// A table as Linux prints it on a little-endian machine; the last line is a
// connection from [::1].
const tcpTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1001        0 12345 1 0000000000000000 20 4 30 10 -1
   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 12346 1 0000000000000000 20 4 30 10 -1
   2: 0000000000000000FFFF00000100007F:C351 0000000000000000FFFF00000100007F:1F90 01 00000000:00000000 00:00000000 00000000  1002 0 1 1 0 20 4 30 10 -1
   3: 00000000000000000000000001000000:C350 00000000000000000000000001000000:1F90 01 00000000:00000000 00:00000000 00000000  1003 0 1 1 0 20 4 30 10 -1
   4: short line
   5: 0100007F:XXXX 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1004        0 1 1 0 20 4 30 10 -1
`

func TestSearchTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tcp")
	if err := os.WriteFile(path, []byte(tcpTable), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		peer, us string
		uid      int
		ok       bool
	}{
		{"127.0.0.1:50000", "127.0.0.1:8080", 1001, true},
		{"127.0.0.1:8080", "127.0.0.1:50000", 1000, true},
		{"127.0.0.1:50001", "127.0.0.1:8080", 1002, true},
		{"[::ffff:127.0.0.1]:50000", "127.0.0.1:8080", 1001, true},
		{"[::1]:50000", "[::1]:8080", 1003, true},
		{"127.0.0.2:50000", "127.0.0.1:8080", 0, false},
		{"127.0.0.1:50000", "127.0.0.1:8081", 0, false},
		{"127.0.0.1:50002", "127.0.0.1:8080", 0, false},
	} {
		uid, ok := searchTable(path, netip.MustParseAddrPort(c.peer), netip.MustParseAddrPort(c.us))
		if uid != c.uid || ok != c.ok {
			t.Errorf("%s to %s: %d, %v; want %d, %v", c.peer, c.us, uid, ok, c.uid, c.ok)
		}
	}
	if _, ok := searchTable(filepath.Join(t.TempDir(), "none"), netip.AddrPort{}, netip.AddrPort{}); ok {
		t.Error("found a connection in a table that does not exist")
	}
}
