package kernel

import "braid/kernel/internal/zmq"

// ListenZMQ is the Listener for ZeroMQ over tcp and ipc.
func ListenZMQ(info *ConnectionInfo, subscribed func(topic []byte)) (*Transport, error) {
	sockets, err := zmq.Listen(zmq.Config{
		Transport: info.Transport, IP: info.IP,
		ShellPort: info.ShellPort, IOPubPort: info.IOPubPort, StdinPort: info.StdinPort,
		ControlPort: info.ControlPort, HBPort: info.HBPort,
		OnSubscribe: subscribed,
	})
	if err != nil {
		return nil, err
	}
	p := sockets.Ports()
	info.ShellPort, info.IOPubPort, info.StdinPort, info.ControlPort, info.HBPort = p.Shell, p.IOPub, p.Stdin, p.Control, p.HB
	return &Transport{
		Shell: sockets.Shell, Control: sockets.Control, Stdin: sockets.Stdin, IOPub: sockets.IOPub,
		Settle: sockets.Settle, Drain: sockets.Drain, Close: sockets.Close,
	}, nil
}
