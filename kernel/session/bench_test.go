package session

import (
	"context"
	"testing"
)

// Cells with an engine that does next to nothing: what remains is the way there
// and back.
func BenchmarkCell(b *testing.B) {
	for name, code := range map[string]string{"declare": "x := 1", "print": "//do: print x\nx := 1", "empty": "// nothing"} {
		b.Run(name, func(b *testing.B) {
			s, err := New(Options{Engine: "script"})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			p := newPage()
			req := Request{Code: code, StoreHistory: true}
			for b.Loop() {
				req.Count++
				p.events = p.events[:0]
				if out := s.Run(context.Background(), req, p); out.Err != nil {
					b.Fatal(out.Err)
				}
			}
		})
	}
}
