package kernel

import "braid/kernel/internal/zmq"

// ListenZMQ is the Listener for ZeroMQ over tcp and ipc.
func ListenZMQ(info *ConnectionInfo, subscribed func(topic []byte)) (*Transport, error) {
	return listenZMQ(info, subscribed, false)
}

// ListenSameUser is ListenZMQ for machines with other users: local peers that
// belong to another user than this process, or root, are refused before they can
// say a word. On systems other than Linux it returns an error.
func ListenSameUser(info *ConnectionInfo, subscribed func(topic []byte)) (*Transport, error) {
	return listenZMQ(info, subscribed, true)
}

func listenZMQ(info *ConnectionInfo, subscribed func(topic []byte), sameUser bool) (*Transport, error) {
	sockets, err := zmq.Listen(zmq.Config{
		Transport: info.Transport, IP: info.IP,
		ShellPort: info.ShellPort, IOPubPort: info.IOPubPort, StdinPort: info.StdinPort,
		ControlPort: info.ControlPort, HBPort: info.HBPort,
		OnSubscribe: subscribed,
		SameUser:    sameUser,
	})
	if err != nil {
		return nil, err
	}
	p := sockets.Ports()
	info.ShellPort, info.IOPubPort, info.StdinPort, info.ControlPort, info.HBPort = p.Shell, p.IOPub, p.Stdin, p.Control, p.HB
	return &Transport{
		Shell: sockets.Shell, Control: sockets.Control, Stdin: sockets.Stdin, IOPub: sockets.IOPub,
		Settle: sockets.Settle, Drain: sockets.Drain, Close: sockets.Close,
		Counts: func() map[string]uint64 { return peerCounts(sockets.Stats()) },
	}, nil
}

// peerCounts names what a transport has refused, cut off and dropped.
func peerCounts(s zmq.Stats) map[string]uint64 {
	return map[string]uint64{
		"bad_handshakes": s.BadHandshakes, "evicted_handshakes": s.Evicted, "too_many_peers": s.Crowded, "other_users": s.OtherUsers,
		"malformed": s.Malformed, "slow_peers": s.SlowPeers, "slow_subscribers": s.SlowSubscribers,
		"unroutable": s.Unroutable, "ignored_from_subscribers": s.IgnoredUpstream,
	}
}
