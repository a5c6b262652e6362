package modules

import (
	"errors"
	"testing"
)

func FuzzListing(f *testing.F) {
	f.Add([]byte(`{"ImportPath":"a.b/c","Name":"c","Dir":"/d","GoFiles":["c.go"],"Imports":["a.b/d","fmt"]} {"ImportPath":"a.b/d","Imports":["a.b/c"],"Error":{"Err":"no"}} {"ImportPath":"fmt","Standard":true}`))
	f.Add([]byte(`{"ImportPath":"C"}{"ImportPath":""}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := readListing(b)
		if err != nil {
			return
		}
		for path := range l {
			ps, err := l.closure(path, New(t.TempDir(), Fetch))
			if err == nil && len(ps) == 0 && l[path] != nil && !l[path].Standard && path != "unsafe" {
				t.Errorf("%q: neither packages nor an error", path)
			}
		}
	})
}

func FuzzExplain(f *testing.F) {
	f.Add("go: a.b/c@v1: invalid version: unknown revision v1")
	f.Add("go: finding module for package x\n")
	f.Fuzz(func(t *testing.T, said string) {
		if err := explain(said, errors.New("exit status 1")); err.Error() == "" {
			t.Errorf("%q: an error without words", said)
		}
	})
}
