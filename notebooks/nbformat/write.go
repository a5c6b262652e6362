package nbformat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bytes is the file of nb, byte for byte as nbformat.write of the official
// library would make it: keys sorted, one space of indent a level, text as it
// is (no \u escapes but for control characters), multi-line text as a list of
// lines, one newline at the end. The error, if any, names a value in metadata
// or data that JSON cannot hold.
func (nb *Notebook) Bytes() ([]byte, error) {
	cells := make([]any, len(nb.Cells))
	for i, c := range nb.Cells {
		cells[i] = c.object(nb.Minor)
	}
	doc := maps.Clone(nb.Extra)
	if doc == nil {
		doc = map[string]any{}
	}
	doc["cells"] = cells
	doc["metadata"] = without(nb.Metadata, transientNotebook...)
	doc["nbformat"] = 4
	doc["nbformat_minor"] = nb.Minor
	w := &writer{}
	w.value(doc, 0)
	if w.err != nil {
		return nil, w.err
	}
	w.WriteByte('\n')
	return w.Bytes(), nil
}

// WriteFile writes nb to path as ReplaceFile does.
func (nb *Notebook) WriteFile(path string) error {
	data, err := nb.Bytes()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return ReplaceFile(path, data)
}

// ReplaceFile writes data to path so that a reader sees the old file or the new
// one, never a part. An existing file keeps its permissions; a new one gets
// 0644 less the umask. A symbolic link stays, its target is replaced. What is
// no regular file, such as a pipe or /dev/null, is written to.
func ReplaceFile(path string, data []byte) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return os.WriteFile(path, data, 0o644)
	}
	f, err := createBeside(path)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // nothing to remove once it is renamed
	if old, err := os.Stat(path); err == nil {
		if err := f.Chmod(old.Mode().Perm()); err != nil {
			f.Close()
			return err
		}
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// createBeside makes a new file in the folder of path. os.CreateTemp would
// ignore the umask and leave notebooks that a group cannot read.
func createBeside(path string) (*os.File, error) {
	for n := os.Getpid(); ; n++ {
		name := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d", filepath.Base(path), n))
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if !os.IsExist(err) {
			return f, err
		}
	}
}

// object is the cell as its JSON object in a file of format 4.minor.
func (c *Cell) object(minor int) map[string]any {
	obj := maps.Clone(c.Extra)
	if obj == nil {
		obj = map[string]any{}
	}
	obj["cell_type"] = string(c.Type)
	obj["metadata"] = without(c.Metadata, "trusted")
	obj["source"] = splitLines(c.Source)
	if minor >= 5 || c.ID != "" {
		obj["id"] = c.ID
	}
	if c.Attachments != nil {
		attachments := make(map[string]any, len(c.Attachments))
		for name, bundle := range c.Attachments {
			attachments[name] = splitBundle(bundle)
		}
		obj["attachments"] = attachments
	}
	if c.Type != Code {
		return obj
	}
	outputs := make([]any, len(c.Outputs))
	for i, o := range c.Outputs {
		outputs[i] = o.object()
	}
	obj["outputs"] = outputs
	obj["execution_count"] = count(c.ExecutionCount)
	return obj
}

func (o *Output) object() map[string]any {
	obj := maps.Clone(o.Extra)
	if obj == nil {
		obj = map[string]any{}
	}
	obj["output_type"] = string(o.Type)
	switch o.Type {
	case Stream:
		obj["name"] = o.Name
		obj["text"] = splitLines(o.Text)
	case ExecuteResult, DisplayData:
		obj["data"] = splitBundle(o.Data)
		obj["metadata"] = without(o.Metadata)
		if o.Type == ExecuteResult {
			obj["execution_count"] = count(o.ExecutionCount)
		}
	case Error:
		obj["ename"], obj["evalue"] = o.EName, o.EValue
		obj["traceback"] = list(o.Traceback)
	}
	return obj
}

func count(n *int) any {
	if n == nil {
		return nil
	}
	return *n
}

func list(lines []string) []any {
	out := make([]any, len(lines))
	for i, s := range lines {
		out[i] = s
	}
	return out
}

func without(m map[string]any, keys ...string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		if !slices.Contains(keys, k) {
			out[k] = v
		}
	}
	return out
}

// splitBundle gives text types as lists of lines (rwbase.py, split_lines).
func splitBundle(bundle map[string]any) map[string]any {
	out := make(map[string]any, len(bundle))
	for mime, v := range bundle {
		if s, ok := v.(string); ok && isSplitMIME(mime) {
			v = splitLines(s)
		}
		out[mime] = v
	}
	return out
}

func isSplitMIME(mime string) bool {
	return strings.HasPrefix(mime, "text/") || mime == "application/javascript" || mime == "image/svg+xml"
}

// splitLines is Python's str.splitlines(True): the line ends that Python
// knows, kept at the end of each line; no line at all for the empty string.
func splitLines(s string) []any {
	lines := []any{}
	start := 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		if !isLineEnd(r) {
			continue
		}
		if r == '\r' && i < len(s) && s[i] == '\n' {
			i++
		}
		lines = append(lines, s[start:i])
		start = i
	}
	if start < len(s) {
		lines = append(lines, s[start:])
	}
	return lines
}

func isLineEnd(r rune) bool {
	switch r {
	case '\n', '\r', '\v', '\f', 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029:
		return true
	}
	return false
}

// writer prints values as json.dumps(sort_keys=True, indent=1,
// ensure_ascii=False, separators=(",", ": ")) does.
type writer struct {
	bytes.Buffer
	err error
}

func (w *writer) value(v any, depth int) {
	if depth > maxDepth {
		w.err = fmt.Errorf("a value nests deeper than %d levels", maxDepth)
		return
	}
	switch v := v.(type) {
	case nil:
		w.WriteString("null")
	case bool:
		w.WriteString(strconv.FormatBool(v))
	case string:
		w.text(v)
	case json.Number:
		w.WriteString(v.String())
	case int:
		w.WriteString(strconv.Itoa(v))
	case float64:
		w.WriteString(pythonFloat(v))
	case []any:
		w.list(v, depth)
	case map[string]any:
		w.object(v, depth)
	default:
		w.other(v, depth)
	}
}

// other takes the way over encoding/json for the types that programs, not
// files, put into metadata and data.
func (w *writer) other(v any, depth int) {
	data, err := json.Marshal(v)
	if err == nil {
		v, err = parse(data)
	}
	if err != nil {
		w.err = fmt.Errorf("a value of type %T cannot be stored in a notebook: %w", v, err)
		return
	}
	w.value(v, depth)
}

func (w *writer) list(items []any, depth int) {
	if len(items) == 0 {
		w.WriteString("[]")
		return
	}
	w.WriteByte('[')
	for i, v := range items {
		w.next(i, depth+1)
		w.value(v, depth+1)
	}
	w.line(depth)
	w.WriteByte(']')
}

func (w *writer) object(obj map[string]any, depth int) {
	if len(obj) == 0 {
		w.WriteString("{}")
		return
	}
	w.WriteByte('{')
	for i, key := range slices.Sorted(maps.Keys(obj)) {
		w.next(i, depth+1)
		w.text(key)
		w.WriteString(": ")
		w.value(obj[key], depth+1)
	}
	w.line(depth)
	w.WriteByte('}')
}

func (w *writer) next(i, depth int) {
	if i > 0 {
		w.WriteByte(',')
	}
	w.line(depth)
}

func (w *writer) line(depth int) {
	w.WriteByte('\n')
	for range depth {
		w.WriteByte(' ')
	}
}

func (w *writer) text(s string) {
	w.WriteByte('"')
	for _, r := range s { // invalid bytes come as U+FFFD
		switch {
		case r == '"' || r == '\\':
			w.WriteByte('\\')
			w.WriteRune(r)
		case r >= ' ':
			w.WriteRune(r)
		case strings.ContainsRune("\b\f\n\r\t", r):
			w.WriteByte('\\')
			w.WriteByte("btn_fr"[r-'\b'])
		default:
			fmt.Fprintf(w, `\u%04x`, r)
		}
	}
	w.WriteByte('"')
}

// pythonFloat is f as it looks in a notebook once it has travelled from Go's
// encoding/json to Python's repr: 1 for 1.0 (Go drops the fraction, so Python
// reads an int), 1e-07 with two digits of exponent, exponents from 1e16 on.
func pythonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case f == 0:
		return "0" // -0 too: encoding/json writes -0, which Python reads as an int
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strconv.FormatFloat(f, 'g', -1, 64), "+") + "inity"
	}
	abs := math.Abs(f)
	if f == math.Trunc(f) && abs < 1e21 { // what encoding/json writes without an exponent
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	if abs >= 1e16 || abs < 1e-4 && abs > 0 {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}
