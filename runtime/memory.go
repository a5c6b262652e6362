package runtime

// load and store are plain accesses to a counter that threads share without
// synchronisation, on purpose: what is modelled is C code that does so. An
// aligned word is neither torn nor moved, and nothing but numbers is read, so
// Go's memory stays sound; the race detector does not look here.

//go:norace
//go:noinline
func load(p *int64) int64 { return *p }

//go:norace
//go:noinline
func store(p *int64, v int64) { *p = v }
