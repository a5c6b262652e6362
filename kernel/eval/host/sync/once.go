package sync

import (
	"sync/atomic"

	"braid/kernel/eval/host/internal/park"
)

// Once calls a function once. The zero value has called none. A call that an
// interrupt cut short does not count.
type Once struct {
	done uint32
	m    Mutex
}

// Do calls f if no call of Do on this Once came before, and returns when the
// first call's function has returned.
func (o *Once) Do(f func()) {
	if atomic.LoadUint32(&o.done) == 0 {
		o.doSlow(f)
	}
}

func (o *Once) doSlow(f func()) {
	o.m.Lock()
	defer o.m.Unlock()
	if o.done == 0 {
		defer func() {
			if !park.Interrupted() {
				atomic.StoreUint32(&o.done, 1)
			}
		}()
		f()
	}
}

// OnceFunc returns a function that calls f once; if f panics, every call panics
// with the same value.
func OnceFunc(f func()) func() {
	var once Once
	var value any
	valid := false
	run := func() {
		defer func() {
			if !valid && !park.Interrupted() {
				value = recover()
				panic(value)
			}
		}()
		f()
		f = nil
		valid = true
	}
	return func() {
		once.Do(run)
		if !valid {
			panic(value)
		}
	}
}
