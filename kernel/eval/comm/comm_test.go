package comm

import "testing"

func TestString(t *testing.T) {
	c := &Comm{id: "1f", target: "jupyter.widget"}
	if got, want := c.String(), `comm "jupyter.widget" (open, id 1f)`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	c.closed = true
	if got, want := c.String(), `comm "jupyter.widget" (closed, id 1f)`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
