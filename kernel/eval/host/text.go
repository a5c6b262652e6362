package host

import (
	"fmt"

	"braid/kernel/eval"
)

// waitTexts says for learners what a goroutine in a state does.
var waitTexts = map[string]string{
	opSend:                "waits to send to a channel nobody receives from",
	opReceive:             "waits to receive from a channel nobody sends to",
	opSelect:              "waits in a select none of whose channels gets ready",
	opNilSend:             "waits to send to a nil channel, which blocks for ever",
	opNilRecv:             "waits to receive from a nil channel, which blocks for ever",
	opSelectNil:           "waits in a select without cases, which blocks for ever",
	"sync.Mutex.Lock":     "waits in Lock for a sync.Mutex that nobody unlocks",
	"sync.RWMutex.Lock":   "waits in Lock for a sync.RWMutex that nobody unlocks",
	"sync.RWMutex.RLock":  "waits in RLock for a sync.RWMutex that nobody unlocks",
	"sync.WaitGroup.Wait": "waits in Wait for a sync.WaitGroup whose counter does not reach zero",
	"sync.Cond.Wait":      "waits in Wait for a sync.Cond that nobody signals",
	"sleep":               "sleeps",
	"input":               "waits for input",
	"running":             "is running",
}

func waitText(op string) string {
	if t := waitTexts[op]; t != "" {
		return t
	}
	return "waits: " + op
}

// panicText is the text of a panic value as the Go runtime prints it.
func panicText(v any) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("(%T) with a method that panics itself", v)
		}
	}()
	switch v := v.(type) {
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	case string:
		return v
	case float32, float64, complex64, complex128, bool, int, int8, int16, int32, int64,
		uint, uint8, uint16, uint32, uint64, uintptr:
		return fmt.Sprint(v)
	}
	return fmt.Sprintf("(%T) %+v", v, v)
}

func fatalError(text string) *eval.Error {
	return &eval.Error{Name: eval.FatalError, Value: text}
}
