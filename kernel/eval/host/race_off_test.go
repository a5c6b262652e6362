//go:build !race

package host

const manyGoroutines = 100_000
