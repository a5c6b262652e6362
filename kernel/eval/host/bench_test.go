package host

import (
	"fmt"
	"io"
	"testing"
)

func benchCell(b *testing.B, fn func()) {
	r := begin(Config{})
	r.Do(fn)
	if rep := r.End(); rep.Err != nil {
		b.Error(rep.Err)
	}
	sink.mu.Lock()
	sink.events = nil
	sink.mu.Unlock()
}

func BenchmarkPrintln(b *testing.B) {
	benchCell(b, func() {
		for b.Loop() {
			println_("line", 12345)
		}
	})
}

func BenchmarkPrintlnOfFmtAlone(b *testing.B) {
	for b.Loop() {
		fmt.Fprintln(io.Discard, "line", 12345)
	}
}

func BenchmarkPingPong(b *testing.B) {
	b.Run("RecvOf", func(b *testing.B) {
		benchCell(b, func() {
			ping, pong := make(chan int), make(chan int)
			Go(at(1), func() {
				for {
					v, ok := RecvOf(at(1), ping)
					if !ok {
						return
					}
					SendOf(at(1), pong, v)
				}
			}, nil)
			for b.Loop() {
				SendOf(at(1), ping, 1)
				RecvOf(at(1), pong)
			}
			close(ping)
		})
	})
	b.Run("Recv", func(b *testing.B) {
		benchCell(b, func() {
			ping, pong := value(make(chan int)), value(make(chan int))
			Go(at(1), func() {
				for {
					v, ok := Recv(at(1), ping)
					if !ok {
						return
					}
					Send(at(1), pong, v)
				}
			}, nil)
			one := value(1)
			for b.Loop() {
				Send(at(1), ping, one)
				Recv(at(1), pong)
			}
			ping.Close()
		})
	})
	b.Run("native", func(b *testing.B) {
		ping, pong := make(chan int), make(chan int)
		go func() {
			for v := range ping {
				pong <- v
			}
		}()
		for b.Loop() {
			ping <- 1
			<-pong
		}
		close(ping)
	})
}

func BenchmarkBuffered(b *testing.B) {
	benchCell(b, func() {
		c := value(make(chan int, 1))
		one := value(1)
		for b.Loop() {
			Send(at(1), c, one)
			Recv(at(1), c)
		}
	})
}

func BenchmarkGo(b *testing.B) {
	benchCell(b, func() {
		done := make(chan struct{}, 100)
		for b.Loop() {
			Go(at(1), func() { done <- struct{}{} }, nil)
			<-done
		}
	})
}

func BenchmarkLabel(b *testing.B) {
	benchCell(b, func() {
		for b.Loop() {
			if current() == nil {
				b.Fatal("no goroutine")
			}
		}
	})
}
