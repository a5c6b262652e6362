package host

import (
	"errors"
	"io"
	"os"
	"sync"

	"braid/kernel/eval"
)

// Standard input. Every read asks the front end for one line, when there is
// nothing left of the line before. Readers made by the substituted functions
// come here; readers of the file os.Stdin itself get their lines through a pipe
// (stdin_unix.go).

var firstStdin = os.Stdin

// line is what has been answered and not yet read.
var line struct {
	sync.Mutex
	rest []byte
}

// asked replaces the standard input by questions to the front end.
func asked(r io.Reader) io.Reader {
	if f, ok := r.(*os.File); ok && f != nil && f == firstStdin {
		return input{}
	}
	return r
}

// input is the standard input of the run of whoever reads.
type input struct{}

// Read returns the rest of the line that was answered last, or asks for one. It
// ends the cell where no input can be given: a program that ignores the error
// would go on with values that nobody has entered.
func (input) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if n := takeLine(p); n > 0 {
			return n, nil
		}
		text, err := Input("", false)
		var e *eval.Error
		if errors.As(err, &e) {
			endCell(e)
		}
		if err != nil {
			return 0, err
		}
		line.Lock()
		line.rest = append(append(line.rest, text...), '\n')
		line.Unlock()
	}
}

func takeLine(p []byte) int {
	line.Lock()
	defer line.Unlock()
	if len(line.rest) == 0 {
		line.rest = takeBackStdin()
	}
	n := copy(p, line.rest)
	line.rest = line.rest[n:]
	return n
}
