package vm

func methodStubsAddr() uintptr
