package host

import (
	"regexp"
	"slices"
	"strings"
)

// What the text of a cell says about the ways it can take to the process's
// descriptors. A false alarm costs a system call for each ordered write; a miss
// costs the order of the first text written in such a way, after which the queue
// knows. Native code of the standard library writes to the standard files only
// where a learner's code names them.

// outputSigns are what a cell has that can write to descriptors 1 or 2.
var outputSigns = regexp.MustCompile(`\bStd(out|err)\b|\bNewFile\b|"(syscall|unsafe|plugin|testing)"|/dev/|/proc/|\bPrintStack\b|\bStartProcess\b|(^|[^\w.])print(ln)?\(`)

// substituted are the uses of the standard files that the overlay's functions
// turn into ordered writes.
var substituted = regexp.MustCompile(`\b(fmt\.Fprint(ln|f)?|bufio\.NewWriter|json\.NewEncoder|xml\.NewEncoder|csv\.NewWriter|tabwriter\.NewWriter|log\.(New|SetOutput)|slog\.New(Text|JSON)Handler|io\.(WriteString|MultiWriter|Copy))\(\s*os\.Std(out|err)\b`)

// inputSigns are what a cell has that can read descriptor 0.
var inputSigns = regexp.MustCompile(`\bStdin\b|\bNewFile\b|"(syscall|unsafe|plugin)"|/dev/|/proc/`)

// signWords are what a text has that outputSigns or inputSigns match; to look for
// them costs a hundredth of a small cell's regular expressions.
var signWords = []string{"Std", "NewFile", "syscall", "unsafe", "plugin", "testing", "/dev/", "/proc/", "PrintStack", "StartProcess", "print(", "println("}

func hasAny(text string, words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// noteSource makes ordered writes look for raw text, and runs watch for readers
// of os.Stdin, from the first cell on that could be their reason. Both last: the
// cell may leave a writer or a reader to later ones.
func noteSource(source string) {
	if !rawPossible.Load() && writesRaw(source) {
		rawPossible.Store(true)
	}
	if !stdinUsed.Load() && hasAny(source, signWords) && inputSigns.MatchString(source) {
		stdinUsed.Store(true)
	}
}

func writesRaw(source string) bool {
	if !hasAny(source, signWords) {
		return false // nearly all cells
	}
	return outputSigns.MatchString(substituted.ReplaceAllString(source, ""))
}
