package futures

// nameOf is the place where a function can be found: its __module__ and its
// __qualname__. ok is false for values that have none.
func nameOf(fn any) (module, qualname string, ok bool) {
	name := goName(fn)
	return "__main__", name, name != ""
}
