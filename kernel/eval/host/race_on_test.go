//go:build race

package host

// manyGoroutines is fewer under the race detector, which needs 0.2 ms for each.
const manyGoroutines = 5_000
