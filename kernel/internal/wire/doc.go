// Package wire turns the frames of a Jupyter message into a checked Message and
// back. It stands between package zmq, which moves frames, and the kernel, which
// knows what messages mean; it touches no socket and starts no goroutine.
//
// The layout is that of jupyter_client's messaging.rst, "The Wire Protocol":
//
//	identity… | topic   <IDS|MSG>   signature   header   parent_header   metadata   content   buffer…
//
// The signature is the lower-case hex HMAC of the four JSON frames as they
// stand. Identities, topic and buffers are not signed.
//
// # What it promises
//
// Decode returns a Message only if the signature is right and new, the four JSON
// frames are UTF-8 and each holds one JSON object, and the header names a
// message. Everything else is an error that wraps one of the Err variables, is
// counted, and leaves nothing behind: the caller drops it and sends no answer,
// as the specification asks. A Message never shares state with the Signer.
//
// A request's header goes into the parent_header of every answer byte for byte
// (Message.RawHeader), fields unknown to us included; that is why UTF-8 is
// checked here: encoding/json lets invalid bytes through, and one such header
// echoed on iopub would break every client that listens.
package wire
