//go:build !race

package session

// raceDetector says that memory is mostly the race detector's.
const raceDetector = false
