// Package pickle is Python's pickle for Go values: what multiprocessing does to
// functions, arguments and results on their way between processes.
//
// # Model
//
// The bytes are those of pickle protocol 4 (PEP 3154), CPython's default from
// 3.8 to 3.13, so that their number is what CPython would send, and CPython can
// read what has a meaning there:
//
//	Go                                   pickle
//	nil, bool, int, float64, string      None, bool, int, float, str
//	[]byte                               bytes
//	[]any; map[string]any, map[any]any   list; dict
//	[]int, []float64 and the like        array.array
//	a struct type T of a program         an instance of class __main__.T, its state a dict
//	a declared function f                the global __main__.f: its name, not its code
//	*runtime.Exception                   the exception
//	other types, when behind an any      go.<type>(value)
//
// Loads gives everything back with the Go type it had. A pointer that occurs
// twice comes back as one pointer; cycles of pointers and maps are kept. Structs
// travel with all their fields, exported or not, as Python's instances do.
// Functions and types travel by name and must be declared on both sides: in a
// notebook those of the cells are, in plain Go those given to RegisterFunc and
// RegisterType.
//
// What has no copy is refused as CPython words it: closures and other functions
// without a global name (PicklingError), channels, locks and other types with
// hidden state (TypeError).
//
// # Real CPython
//
// Lib/pickle.py (save_*, load_*), Modules/_pickle.c; PEP 307, PEP 3154.
//
// # Not modelled
//
// __reduce__, __getstate__, persistent ids, the extension registry, protocols
// but 4, out-of-band buffers (protocol 5). A slice that occurs twice is copied
// twice. Refused closures are a PicklingError as in CPython 3.14 ("Can't pickle
// local object"); until 3.13 they are an AttributeError.
package pickle
