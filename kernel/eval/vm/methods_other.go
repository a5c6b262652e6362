//go:build !amd64

package vm

// Without stubs of its own, package reflectx's serve all methods.
func methodStubsAddr() uintptr { return 0 }
