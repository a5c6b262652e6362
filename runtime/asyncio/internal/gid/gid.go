// Package gid tells goroutines apart, so that asyncio finds the running loop of
// the calling goroutine as CPython finds it in the thread state
// (_asyncio.get_running_loop).
package gid
