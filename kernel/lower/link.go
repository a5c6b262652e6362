package lower

import (
	"encoding/json"
	"errors"
	"strings"

	"braid/kernel/eval"
)

// Header is what a lowered program needs from its engine: it travels as JSON
// in the first line of Program.Lowered, behind headerMark.
type Header struct {
	// Types is a table; types name each other, and symbols name them, by index.
	Types []Type `json:"types"`
	// Syms are the names of package ˍ that the program uses.
	Syms []Sym `json:"syms"`
	// Pos are places in cells, named by index from the program.
	Pos []eval.Pos `json:"pos"`
	// Funcs are the top-level functions that others may call, or that stand
	// for a learner's function in a traceback.
	Funcs []Func `json:"funcs"`
	// Redirects maps function identities to those that take their place.
	Redirects map[string]string `json:"redirects,omitempty"`
	// Results are the static types of the entry's results, as Go writes them.
	Results []string `json:"results,omitempty"`
}

// Type describes a Go type. Every type has two faces: the inner one, which
// lowered code handles (declared types stand for their underlying types, all
// struct fields are exported and called F_name, nothing has methods), and the
// outer one, exactly the learner's, which is what an interface holds. Both
// have the same layout in memory.
type Type struct {
	Kind     string   `json:"k"` // basic, std, named, pointer, slice, array, map, chan, func, struct, interface
	Name     string   `json:"n,omitempty"`
	Pkg      string   `json:"p,omitempty"`  // std: the import path
	ID       string   `json:"id,omitempty"` // named: the same for one declared type in all cells
	Elem     int      `json:"e,omitempty"`  // element; of a named type the underlying type
	Key      int      `json:"key,omitempty"`
	Len      int64    `json:"len,omitempty"`
	Dir      int      `json:"dir,omitempty"` // reflect.ChanDir
	In       []int    `json:"in,omitempty"`
	Out      []int    `json:"out,omitempty"`
	Variadic bool     `json:"v,omitempty"`
	Fields   []Field  `json:"f,omitempty"`
	Methods  []Method `json:"m,omitempty"` // of an interface, or the method set of a named type's pointer
	Twin     bool     `json:"t,omitempty"` // inner and outer differ
}

// Field is a struct field.
type Field struct {
	Name     string `json:"n"`
	Type     int    `json:"t"`
	Tag      string `json:"tag,omitempty"`
	Embedded bool   `json:"emb,omitempty"`
}

// Method is a method of an interface (Func empty), or of a declared type, for
// which Func is the identity of the function that takes the receiver first.
type Method struct {
	Name    string `json:"n"`
	Type    int    `json:"t"` // a func type without receiver
	Func    string `json:"f,omitempty"`
	Pointer bool   `json:"ptr,omitempty"` // only *T has it
	// Recv is whether Func wants *T (true) or T.
	Recv bool `json:"r,omitempty"`
}

// Sym is one name of package ˍ. Its Kind says what it does; Types are
// arguments of the kind.
type Sym struct {
	Name   string `json:"n"`
	Kind   string `json:"k"`
	Types  []int  `json:"t,omitempty"`
	Pkg    string `json:"p,omitempty"`
	Member string `json:"m,omitempty"`
	ID     string `json:"id,omitempty"`
	N      int    `json:"i,omitempty"`
}

// Func is a function of the lowered program.
type Func struct {
	Name    string   `json:"n"`            // in the program
	ID      string   `json:"id,omitempty"` // "" for literals
	Display string   `json:"d"`            // as the learner knows it: "(*Stack).Push", "worker.func1"
	Pos     eval.Pos `json:"pos"`
	Type    int      `json:"t"` // its inner signature
}

const headerMark = "//braid:"

// Encode puts the header before the source.
func Encode(h *Header, source string) (string, error) {
	b, err := json.Marshal(h)
	if err != nil {
		return "", err
	}
	return headerMark + string(b) + "\n" + source, nil
}

// Decode takes a lowered program apart.
func Decode(lowered string) (*Header, string, error) {
	line, source, ok := strings.Cut(lowered, "\n")
	if !ok || !strings.HasPrefix(line, headerMark) {
		return nil, "", errors.New("lower: program has no header")
	}
	h := new(Header)
	if err := json.Unmarshal([]byte(line[len(headerMark):]), h); err != nil {
		return nil, "", err
	}
	return h, source, nil
}
