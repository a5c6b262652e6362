package zmq

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
)

func checkPeerPolicy(sameUser bool) error {
	if !sameUser {
		return nil
	}
	if _, err := fs.Stat(os.DirFS("/proc/self/net"), "tcp"); err != nil {
		return fmt.Errorf("cannot tell whose connections are whose: %w", err)
	}
	return nil
}

// sameUser reports whether a local peer belongs to our user or to root. Peers on
// other machines have no user here and pass.
func sameUser(c net.Conn) bool {
	uid, local := peerUser(c)
	return !local || uid == os.Geteuid() || uid == 0
}

// peerUser returns the user of a local peer, or -1 if it cannot be found out.
func peerUser(c net.Conn) (uid int, local bool) {
	switch a := c.RemoteAddr().(type) {
	case *net.UnixAddr:
		return credentials(c), true
	case *net.TCPAddr:
		if !a.IP.IsLoopback() && !sameHost(c) {
			return -1, false
		}
		return tcpOwner(a.AddrPort(), c.LocalAddr().(*net.TCPAddr).AddrPort()), true
	}
	return -1, true
}

// sameHost reports whether both ends have the same address, which makes the peer
// local even if the address is not a loopback one.
func sameHost(c net.Conn) bool {
	return c.RemoteAddr().(*net.TCPAddr).IP.Equal(c.LocalAddr().(*net.TCPAddr).IP)
}

func credentials(c net.Conn) int {
	uid := -1
	if raw := rawConn(c); raw != nil {
		_ = raw.Control(func(fd uintptr) {
			if cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
				uid = int(cred.Uid)
			}
		})
	}
	return uid
}

// tcpOwner looks the peer's end of a connection up in the kernel's tables
// (proc_net_tcp(5)): its local address is our remote one.
func tcpOwner(peer, us netip.AddrPort) int {
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		if uid, ok := searchTable(table, peer, us); ok {
			return uid
		}
	}
	return -1
}

func searchTable(path string, local, remote netip.AddrPort) (uid int, ok bool) {
	f, err := os.Open(path)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		const localAt, remoteAt, uidAt = 1, 2, 7
		fields := strings.Fields(lines.Text())
		if len(fields) <= uidAt || !sameEnd(fields[localAt], local) || !sameEnd(fields[remoteAt], remote) {
			continue
		}
		uid, err := strconv.Atoi(fields[uidAt])
		return uid, err == nil
	}
	return 0, false
}

// sameEnd compares an address as the table has it, words of four bytes in the
// machine's order in hex, then the port, with a.
func sameEnd(s string, a netip.AddrPort) bool {
	host, port, _ := strings.Cut(s, ":")
	p, err := strconv.ParseUint(port, 16, 16)
	if err != nil || uint16(p) != a.Port() {
		return false
	}
	ip, ok := tableAddr(host)
	return ok && ip.Unmap() == a.Addr().Unmap().WithZone("")
}

func tableAddr(s string) (netip.Addr, bool) {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != 4 && len(raw) != 16 {
		return netip.Addr{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		word := binary.BigEndian.Uint32(raw[i:])
		binary.NativeEndian.PutUint32(raw[i:], word)
	}
	return netip.AddrFromSlice(raw)
}
