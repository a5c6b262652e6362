package vm

import (
	"crypto/hkdf"
	"crypto/pbkdf2"
	"embed"
	"go/ast"
	"go/parser"

	"go/types"
	"hash"
	"hash/maphash"
	"iter"
	"path"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
	"weak"

	"golang.org/x/tools/go/ssa"

	"braid/kernel/check/source"
)

// Generic functions of the standard library have no compiled form that could
// be called for a type that is born in a cell. Their Go sources are
// interpreted instead: those of slices, maps and cmp are the Go project's own
// (BSD licence, in each file), the few others were written for this package,
// with the parts that need the runtime as compiled functions (privateFuncs).
// A use of slices.Sort in checked code is turned into one of the source
// package's Sort before SSA form is built (substitute); the importer's types
// are untouched. Generic types (atomic.Pointer, unique.Handle, weak.Pointer)
// keep their types, and have their methods here as intrinsics.

//go:embed library
var library embed.FS

// shadowed tells whether a compiled package has generic functions in library.
var shadowed = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{}
	var walk func(dir string)
	walk = func(dir string) {
		es, _ := library.ReadDir(dir)
		for _, e := range es {
			if e.IsDir() {
				walk(path.Join(dir, e.Name()))
			} else {
				m[strings.TrimPrefix(dir, "library/")] = true
			}
		}
	}
	walk("library")
	return m
})

// shadow gives the interpreted form of a library package, checked and built.
func (m *machine) shadow(path string) *types.Package {
	if p, ok := m.shadows[path]; ok {
		return p
	}
	var files []*ast.File
	es, _ := library.ReadDir("library/" + path)
	for _, e := range es {
		src, err := library.ReadFile("library/" + path + "/" + e.Name())
		if err == nil {
			var f *ast.File
			f, err = parser.ParseFile(m.fset, path+"/"+strings.TrimSuffix(e.Name(), ".txt"), src, parser.SkipObjectResolution)
			files = append(files, f)
		}
		if err != nil {
			panic(unsupported("internal: source of %s: %v", path, err))
		}
	}
	info := source.NewInfo()
	conf := types.Config{Importer: m.imp, GoVersion: "go1.26", Error: nil}
	p, err := conf.Check(path, m.fset, files, info)
	if err != nil {
		panic(unsupported("internal: source of %s: %v", path, err))
	}
	m.shadows[path] = p
	sp := m.build(p, files, info)
	init := m.function(sp.Func("init"))
	if e := m.protect(func(t *thread) {
		g := t.enter(init.get())
		g.call(nil)
		t.leave(g)
	}); e != nil {
		panic(unsupported("internal: initialisation of %s: %v", path, e))
	}
	return p
}

// substitute makes uses of generic library functions mean their interpreted
// forms.
func (m *machine) substitute(info *types.Info) {
	for id, obj := range info.Uses {
		fn, ok := obj.(*types.Func)
		if !ok || fn.Pkg() == nil || !shadowed()[fn.Pkg().Path()] || m.shadows[fn.Pkg().Path()] == fn.Pkg() {
			continue
		}
		sig := fn.Type().(*types.Signature)
		if sig.Recv() != nil || sig.TypeParams().Len() == 0 {
			continue
		}
		own, ok := m.shadow(fn.Pkg().Path()).Scope().Lookup(fn.Name()).(*types.Func)
		if !ok {
			continue // without a body: reported when it is called
		}
		info.Uses[id] = own
		if in, ok := info.Instances[id]; ok {
			args := make([]types.Type, in.TypeArgs.Len())
			for i := range args {
				args[i] = in.TypeArgs.At(i)
			}
			if t, err := types.Instantiate(nil, own.Type(), args, false); err == nil {
				info.Instances[id] = types.Instance{TypeArgs: in.TypeArgs, Type: t}
			}
		}
	}
}

// intrinsicMaker compiles the body of an intrinsic: one op that works on the
// parameters and results in the frame.
type intrinsicMaker func(fn *Function) op

// intrinsicOf finds the intrinsic for a function of a compiled package that
// has no compiled form because it is generic, or that must look at frames.
func intrinsicOf(s *ssa.Function) intrinsicMaker {
	obj, ok := s.Object().(*types.Func)
	if !ok || obj.Pkg() == nil {
		return nil
	}
	name := obj.Pkg().Path() + "."
	if recv := s.Signature.Recv(); recv != nil {
		t := types.Unalias(recv.Type())
		if p, ok := t.(*types.Pointer); ok {
			t = types.Unalias(p.Elem())
		}
		n, ok := t.(*types.Named)
		if !ok {
			return nil
		}
		name += n.Obj().Name() + "."
	}
	return intrinsics[name+obj.Name()]
}

func (m *machine) intrinsic(fn *Function, mk intrinsicMaker) *code {
	c := m.nativeCode(fn.sig, pointerType, func(uintptr) op { return mk(fn) })
	c.fn = fn
	return c
}

// ptrParam and the like read the parameters of an intrinsic.
func param(fn *Function, i int) uintptr  { return fn.sig.params[i].off }
func result(fn *Function, i int) uintptr { return fn.sig.results[i].off }

// The generic pointer types have one word, at offset 0.
var intrinsics = map[string]intrinsicMaker{
	"sync/atomic.Pointer.Load": func(fn *Function) op {
		p, r := param(fn, 0), result(fn, 0)
		return func(f *frame) { st(f, r, atomic.LoadPointer(ld[*unsafe.Pointer](f, p))) }
	},
	"sync/atomic.Pointer.Store": func(fn *Function) op {
		p, v := param(fn, 0), param(fn, 1)
		return func(f *frame) { atomic.StorePointer(ld[*unsafe.Pointer](f, p), ld[unsafe.Pointer](f, v)) }
	},
	"sync/atomic.Pointer.Swap": func(fn *Function) op {
		p, v, r := param(fn, 0), param(fn, 1), result(fn, 0)
		return func(f *frame) {
			st(f, r, atomic.SwapPointer(ld[*unsafe.Pointer](f, p), ld[unsafe.Pointer](f, v)))
		}
	},
	"sync/atomic.Pointer.CompareAndSwap": func(fn *Function) op {
		p, o, n, r := param(fn, 0), param(fn, 1), param(fn, 2), result(fn, 0)
		return func(f *frame) {
			st(f, r, atomic.CompareAndSwapPointer(ld[*unsafe.Pointer](f, p), ld[unsafe.Pointer](f, o), ld[unsafe.Pointer](f, n)))
		}
	},
	"unique.Make": func(fn *Function) op {
		v, r := fn.sig.params[0], result(fn, 0)
		return func(f *frame) { st(f, r, uniquePointer(reflect.NewAt(v.typ, f.at(v.off)).Elem())) }
	},
	"unique.Handle.Value": func(fn *Function) op {
		p, r := param(fn, 0), fn.sig.results[0]
		rt := rtypeOf(r.typ)
		return func(f *frame) { copyTyped(rt, f.at(r.off), ld[unsafe.Pointer](f, p)) }
	},
	"weak.Make": func(fn *Function) op {
		p, r := param(fn, 0), result(fn, 0)
		return func(f *frame) { st(f, r, weak.Make(ld[*byte](f, p))) }
	},
	"weak.Pointer.Value": func(fn *Function) op {
		p, r := param(fn, 0), result(fn, 0)
		return func(f *frame) { st(f, r, ld[weak.Pointer[byte]](f, p).Value()) }
	},
}

func init() { callerIntrinsics(intrinsics) }

// uniques holds one pointer for each value given to unique.Make, for as long
// as the worker lives (the original forgets values without handles).
var uniques sync.Map // any → unsafe.Pointer

func uniquePointer(v reflect.Value) unsafe.Pointer {
	key := v.Interface()
	if v.Kind() == reflect.Interface { // a value of interface type is not its dynamic value
		key = [2]any{v.Type(), key}
	}
	if p, ok := uniques.Load(key); ok {
		return p.(unsafe.Pointer)
	}
	box := reflect.New(v.Type())
	box.Elem().Set(v)
	p, _ := uniques.LoadOrStore(key, box.UnsafePointer())
	return p.(unsafe.Pointer)
}

// privateFuncs are the functions without body in library, and those which
// the Go project's sources take from its runtime.
var privateFuncs = map[string]any{
	"iter.pull": func(seq func(func(unsafe.Pointer) bool)) (func() (unsafe.Pointer, bool), func()) {
		return iter.Pull(iter.Seq[unsafe.Pointer](seq))
	},
	"maps.clone": func(m any) any {
		v := reflect.ValueOf(m)
		if v.IsNil() {
			return m
		}
		c := reflect.MakeMapWithSize(v.Type(), v.Len())
		for it := v.MapRange(); it.Next(); {
			c.SetMapIndex(it.Key(), it.Value())
		}
		return c.Interface()
	},
	"runtime.addCleanup": func(p unsafe.Pointer, f func()) runtime.Cleanup {
		return runtime.AddCleanup((*byte)(p), func(f func()) { f() }, f)
	},
	"crypto/pbkdf2.key": func(h func() hash.Hash, password string, salt []byte, iter, n int) ([]byte, error) {
		return pbkdf2.Key(h, password, salt, iter, n)
	},
	"crypto/hkdf.extract": func(h func() hash.Hash, secret, salt []byte) ([]byte, error) { return hkdf.Extract(h, secret, salt) },
	"crypto/hkdf.expand": func(h func() hash.Hash, key []byte, info string, n int) ([]byte, error) {
		return hkdf.Expand(h, key, info, n)
	},
	"crypto/hkdf.key": func(h func() hash.Hash, secret, salt []byte, info string, n int) ([]byte, error) {
		return hkdf.Key(h, secret, salt, info, n)
	},
	"hash/maphash.comparable_":     func(seed maphash.Seed, v any) uint64 { return maphash.Comparable(seed, v) },
	"hash/maphash.writeComparable": func(h *maphash.Hash, v any) { maphash.WriteComparable(h, v) },
}
