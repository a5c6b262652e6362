// Package zmq is the kernel's five sockets. It stands between the network and
// package wire: frames in, frames out. It is the only importer of zmq4, which it
// hides behind Socket and Publisher.
//
// # What it promises
//
//   - Nothing that a peer sends or fails to send panics, blocks or starves
//     anyone but that peer: not garbage, half a greeting, a claimed terabyte,
//     silence, ten thousand connections, or replies left unread. What a peer
//     costs is bounded by limits; memory grows with bytes that arrive, not with
//     sizes that are claimed.
//   - A subscriber that reads loses no message. One that does not read holds the
//     publisher back only when limits.queue bytes (64 MiB) wait for it, and
//     only until it has made no progress for limits.stall (5 s); then it alone
//     is cut off. (From the fifth such subscriber on they share 256 MiB.) A whole connection is dropped, never a single message: a lost
//     idle status hangs a cell, a lost connection is made again.
//   - Every subscription of every subscriber is reported once it has effect
//     (Config.OnSubscribe), so that the kernel can welcome it (JEP 65).
//   - What was sent before Drain arrives, even if the process ends after Close.
//   - The heartbeat is answered by a goroutine that does nothing else.
//
// # What is used of zmq4, and why
//
// zmq4 (v0.17.0) gives the kernel the ROUTER's routing by identity, the XPUB's
// filtering by topic, and the ZMTP encoding of messages. It is written in Go, so
// that braid is one static binary without libzmq. Its sockets must not meet
// peers unprotected, though; it lets programs register transports of their own,
// and ours (transport.go) stands between: zmq4 reads greetings, READY commands
// and messages that we have checked, from memory, and its writes go to queues.
//
// The faults, by zmq4's file, and their cures here:
//
//	socket.go accept      handshakes run in the accept loop without a deadline: one    listener.introduce: a goroutine for each,
//	                      silent peer locks all others out; failed ones stay open      a deadline, closed when it fails
//	socket.go accept      spins when out of descriptors                                listener.accept backs off
//	protocol.go Property  lengths in READY are not checked: panics                     parseReady; zmq4 gets a READY of our making
//	socket_types.go       panics upon an unknown peer type                             role.accepts
//	conn.go read          allocates what a frame's header claims                       parcel.fill reads first
//	conn.go checkIO       a connection that dies within a frame is never forgotten     messages are whole; Read fails with closedError
//	router.go listen,     PING and other commands reach the receiver                   conn.command
//	pub.go listen
//	router.go write       holds a mutex of the socket while a peer does not read       outbox: Write never blocks
//	router.go write       waits five minutes if no peer has ever connected             router.reach
//	router.go listen      readers wait for ever at a full channel after Close          listener.credits
//	router.go write       two connections with one identity both get the replies       listener.register: the newer one has it
//	pub.go run, write     one goroutine writes to all subscribers, its queue has no    outbox, publisher.waitRoom, tap
//	                      bound, and a subscriber that does not read stops it
//	pub.go listen         subscriptions are kept secret; anything else from a          conn.upstream, conn.subscribed
//	                      subscriber parks its reader for ever
//	pub.go sendMsg        panics upon a message without frames                         publisher.Send
//	pub.go run            never ends: one goroutine is left for each XPUB              none; a kernel has one
//	socket.go Close       drops what is queued                                         Sockets.Drain, conn.farewell
//	transport.go          ipc sockets of killed kernels stay in the way, and are       bindIPC
//	                      open to others as the umask allows
//
// # Goroutines
//
// All but zmq4's own are joined by Close.
//
//	goroutine        number               started by       owns                           blocks on               ends when
//	accept           1 a socket           newListener      the net.Listener               Accept, a full pending  Close
//	handshake        1 a pending peer     accept           the connection                 the peer, a deadline    introduced or refused
//	zmq4 accept      1 a socket           zmq4             -                              listener.Accept         Close
//	zmq4 reader      1 a peer             zmq4             the reading side of conn       conn.Read               the peer or Close ends it
//	zmq4 publisher   1                    zmq4             XPUB's queue                   its queue               never
//	zmq4 reaper      1 a socket           zmq4             connections to forget          a condition             Close
//	outbox writer    0 or 1 a peer        outbox.push      the queue's head               the peer                the queue is empty
//	heartbeat        1                    Listen           the heartbeat ROUTER           Recv                    Close
//
// A reply is written by the goroutine that calls Send, in one call to the system,
// unless the peer is behind; there are no timers on that path. An idle peer costs
// about 15 kB. One that vanished without a word is noticed by TCP's keep-alive,
// which Go turns on, within three minutes.
package zmq
