// Package futures is Python's concurrent.futures: executors that make calls for
// others, and the Futures that stand for their results.
package futures
