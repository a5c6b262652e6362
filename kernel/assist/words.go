package assist

// builtins are the signatures of the predeclared functions, which are not types
// that Go can express.
var builtins = map[string]string{
	"append":  "func append(slice []T, elems ...T) []T",
	"cap":     "func cap(v T) int",
	"clear":   "func clear(t T) // T is a map or slice",
	"close":   "func close(c chan<- T)",
	"complex": "func complex(r, i float) complex",
	"copy":    "func copy(dst, src []T) int",
	"delete":  "func delete(m map[K]V, key K)",
	"imag":    "func imag(c complex) float",
	"len":     "func len(v T) int",
	"make":    "func make(t T, size ...int) T // T is a slice, map or channel type",
	"max":     "func max(x T, y ...T) T // T is ordered",
	"min":     "func min(x T, y ...T) T // T is ordered",
	"new":     "func new(T or value) *T",
	"panic":   "func panic(v any)",
	"print":   "func print(args ...T)",
	"println": "func println(args ...T)",
	"real":    "func real(c complex) float",
	"recover": "func recover() any",
}

// keywords says what each keyword is for.
var keywords = map[string]string{
	"break":       "Ends the innermost for, switch or select statement, or the one with the given label.",
	"case":        "Starts a clause of a switch or select statement.",
	"chan":        "The type of channels: chan T, chan<- T to send only, <-chan T to receive only.",
	"const":       "Declares constants, whose values are known when the program is compiled.",
	"continue":    "Begins the next round of the innermost for statement, or of the one with the given label.",
	"default":     "Starts the clause of a switch or select statement that runs if no other one does.",
	"defer":       "Calls a function when the surrounding function returns, whether by return, at its end, or by a panic. The arguments are evaluated at once.",
	"else":        "Starts the branch of an if statement that runs if the condition is false.",
	"fallthrough": "Goes on with the next clause of a switch statement.",
	"for":         "The loop: for { }, for condition { }, for init; condition; post { }, for x := range y { }.",
	"func":        "Declares a function or method, or starts a function literal or type.",
	"go":          "Calls a function in a new goroutine, which runs at the same time as the caller.",
	"goto":        "Goes to the statement with the given label in the same function.",
	"if":          "Runs a block if a condition is true: if condition { }, if init; condition { } else { }.",
	"import":      "Makes the exported names of a package usable.",
	"interface":   "The type of interfaces: the methods a value must have, or the types it may be of.",
	"map":         "The type of maps: map[Key]Element.",
	"package":     "Names the package that a file belongs to.",
	"range":       "Goes through the elements of a slice, array, string, map or channel, the numbers below an integer, or the values of an iterator function.",
	"return":      "Ends the function, with its results.",
	"select":      "Waits until one of several channel operations can go on, and runs its clause.",
	"struct":      "The type of structs: a sequence of fields.",
	"switch":      "Runs the clause of the first case that matches: by value, by condition, or, with x.(type), by type.",
	"type":        "Declares a type, or with = another name for one.",
	"var":         "Declares variables; without a value they are zero.",
}
