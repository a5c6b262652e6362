// Package nbformat reads and writes Jupyter notebooks, format 4 (the .ipynb
// file; nbformat.v4.5.schema.json of the official library).
//
// It stands at the two ends of every tool that works on documents: execution,
// authoring and grading take a [Notebook] and give one back.
//
// It promises that a notebook which the official Python library wrote leaves
// [Notebook.Bytes] without a byte changed: unknown keys, the spelling of
// numbers, NaN and the way that text is cut into lines are kept. It reads
// whatever bytes it is given without a panic, and says where a file is wrong.
// Formats 4.0 to 4.4 are read as they are; [Notebook.Upgrade] makes them 4.5.
package nbformat

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Minor is the minor version of the format that New and Upgrade give: 4.5.
const Minor = 5

// CellType is a cell's kind. Files may hold others from later formats; they are kept.
type CellType string

const (
	Code     CellType = "code"
	Markdown CellType = "markdown"
	Raw      CellType = "raw"
)

// OutputType is an output's kind. Files may hold others; they are kept.
type OutputType string

const (
	Stream        OutputType = "stream"
	DisplayData   OutputType = "display_data"
	ExecuteResult OutputType = "execute_result"
	Error         OutputType = "error"
)

// Notebook is a document. JSON values in it are nil, bool, string,
// json.Number, []any and map[string]any.
type Notebook struct {
	Minor    int            // nbformat_minor; the major version is 4
	Metadata map[string]any // never nil after Read
	Cells    []*Cell
	Extra    map[string]any // further keys of the document, kept as they are
	// Repairs says in words what Read had to mend: missing or doubled cell
	// ids and missing required keys.
	Repairs []string
}

// Cell is one cell. Outputs and ExecutionCount belong to code cells only.
type Cell struct {
	Type           CellType
	ID             string // unique in its notebook; empty before format 4.5
	Source         string
	Metadata       map[string]any            // never nil after Read
	Attachments    map[string]map[string]any // file name → MIME bundle; nil if the cell has no such key
	Outputs        []*Output
	ExecutionCount *int // nil: not run
	Extra          map[string]any
}

// Output is one output; which fields count depends on Type.
type Output struct {
	Type           OutputType
	Name           string         // stream: "stdout" or "stderr"
	Text           string         // stream
	Data           map[string]any // display_data, execute_result: MIME bundle
	Metadata       map[string]any // display_data, execute_result
	ExecutionCount *int           // execute_result
	EName, EValue  string         // error
	Traceback      []string       // error
	Extra          map[string]any // further keys, kept; all keys of an unknown type
}

// New is an empty notebook of format 4.5.
func New() *Notebook {
	return &Notebook{Minor: Minor, Metadata: map[string]any{}}
}

// A FormatError says which part of a JSON document is not a notebook.
type FormatError struct {
	Where string // "cell 3, output 1", "the document"; cells and outputs count from 1
	Msg   string
}

func (e *FormatError) Error() string { return "not a valid notebook: " + e.Where + ": " + e.Msg }

// ReadFile reads the notebook at path. Errors name the path.
func ReadFile(path string) (*Notebook, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	nb, err := Read(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return nb, nil
}

// Read reads a notebook of format 4. Its errors are a *SyntaxError for what is
// no JSON and a *FormatError for JSON that is no notebook. Small faults that
// the official library mends or overlooks are mended and told in Repairs.
func Read(data []byte) (*Notebook, error) {
	v, err := parse(data)
	if err != nil {
		return nil, err
	}
	doc, ok := v.(map[string]any)
	if !ok {
		return nil, &FormatError{"the document", "it is " + kind(v) + ", a notebook is an object"}
	}
	r := &reader{nb: &Notebook{}}
	r.document(doc)
	if r.err != nil {
		return nil, r.err
	}
	r.nb.checkIDs()
	return r.nb, nil
}

// reader takes objects apart; its first error stands.
type reader struct {
	nb    *Notebook
	where string
	err   error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = &FormatError{r.where, fmt.Sprintf(format, args...)}
	}
}

func (r *reader) repair(format string, args ...any) {
	r.nb.Repairs = append(r.nb.Repairs, r.where+": "+fmt.Sprintf(format, args...))
}

// transientNotebook lists the keys of metadata that live in memory only
// (rwbase.py, strip_transient).
var transientNotebook = []string{"orig_nbformat", "orig_nbformat_minor", "signature"}

func (r *reader) document(doc map[string]any) {
	r.where = "the document"
	r.version(doc)
	if r.err != nil {
		return
	}
	delete(doc, "nbformat")
	delete(doc, "nbformat_minor")
	r.nb.Metadata = without(r.object(doc, "metadata"), transientNotebook...)
	cells, ok := doc["cells"].([]any)
	if !ok {
		r.fail("cells is %s, it must be a list", kind(doc["cells"]))
		return
	}
	delete(doc, "cells")
	for i, v := range cells {
		r.where = fmt.Sprintf("cell %d", i+1)
		obj, ok := v.(map[string]any)
		if !ok {
			r.fail("it is %s, a cell is an object", kind(v))
			return
		}
		r.nb.Cells = append(r.nb.Cells, r.cell(obj))
	}
	r.nb.Extra = rest(doc)
}

func (r *reader) version(doc map[string]any) {
	major := r.count(doc, "nbformat")
	switch {
	case r.err != nil:
	case major == nil:
		r.fail("it has no nbformat version: is it a notebook?")
	case *major < 4:
		r.fail("it has the old format %d; convert it with: jupyter nbconvert --to notebook --nbformat 4 --inplace FILE", *major)
	case *major > 4:
		r.fail("it has format %d, newer than 4, the newest that is known", *major)
	}
	minor := r.count(doc, "nbformat_minor")
	if minor == nil {
		r.fail("nbformat_minor is missing")
		return
	}
	r.nb.Minor = *minor
}

func (r *reader) cell(obj map[string]any) *Cell {
	c := &Cell{
		Type:     CellType(r.string(obj, "cell_type")),
		Metadata: without(r.object(obj, "metadata"), "trusted"),
		Source:   r.multiline(obj, "source"),
	}
	if _, ok := obj["id"]; ok {
		c.ID = r.string(obj, "id")
	}
	if _, ok := obj["attachments"]; ok {
		c.Attachments = map[string]map[string]any{}
		attachments := r.object(obj, "attachments")
		for name := range attachments {
			c.Attachments[name] = rejoin(r.object(attachments, name))
		}
	}
	if c.Type == Code {
		c.ExecutionCount = r.count(obj, "execution_count")
		c.Outputs = r.outputs(obj)
	}
	c.Extra = rest(obj)
	return c
}

func (r *reader) outputs(obj map[string]any) []*Output {
	v, present := obj["outputs"]
	delete(obj, "outputs")
	if !present {
		r.repair("outputs was missing")
		return nil
	}
	items, ok := v.([]any)
	if !ok {
		r.fail("outputs is %s, it must be a list", kind(v))
		return nil
	}
	cell := r.where
	defer func() { r.where = cell }()
	var outs []*Output
	for i, v := range items {
		r.where = fmt.Sprintf("%s, output %d", cell, i+1)
		obj, ok := v.(map[string]any)
		if !ok {
			r.fail("it is %s, an output is an object", kind(v))
			return nil
		}
		outs = append(outs, r.output(obj))
	}
	return outs
}

func (r *reader) output(obj map[string]any) *Output {
	o := &Output{Type: OutputType(r.string(obj, "output_type"))}
	switch o.Type {
	case Stream:
		o.Name = r.string(obj, "name")
		o.Text = r.multiline(obj, "text")
	case ExecuteResult, DisplayData:
		o.Data = rejoin(r.object(obj, "data"))
		o.Metadata = r.object(obj, "metadata")
		if o.Type == ExecuteResult {
			o.ExecutionCount = r.count(obj, "execution_count")
		}
	case Error:
		o.EName, o.EValue = r.string(obj, "ename"), r.string(obj, "evalue")
		o.Traceback = r.strings(obj, "traceback")
	}
	if lines, ok := joined(obj["text"]); ok { // rwbase.py joins text of any other type
		obj["text"] = lines
	}
	o.Extra = rest(obj)
	return o
}

// The readers of single fields take the field out of obj, so that what is
// left is what nobody knows.

func (r *reader) string(obj map[string]any, key string) string {
	v := obj[key]
	delete(obj, key)
	s, ok := v.(string)
	if !ok {
		r.fail("%s is %s, it must be a string", key, kind(v))
	}
	return s
}

func (r *reader) object(obj map[string]any, key string) map[string]any {
	v, present := obj[key]
	delete(obj, key)
	if !present {
		r.repair("%s was missing", key)
		return map[string]any{}
	}
	m, ok := v.(map[string]any)
	if !ok {
		r.fail("%s is %s, it must be an object", key, kind(v))
	}
	return m
}

func (r *reader) multiline(obj map[string]any, key string) string {
	v, present := obj[key]
	delete(obj, key)
	if s, ok := v.(string); ok {
		return s
	}
	s, ok := joined(v)
	switch {
	case !present:
		r.repair("%s was missing", key)
	case !ok:
		r.fail("%s is %s, it must be a string or a list of strings", key, kind(v))
	}
	return s
}

func (r *reader) strings(obj map[string]any, key string) []string {
	v := obj[key]
	delete(obj, key)
	items, ok := v.([]any)
	if !ok {
		r.fail("%s is %s, it must be a list of strings", key, kind(v))
	}
	out := make([]string, len(items))
	for i, item := range items {
		if out[i], ok = item.(string); !ok {
			r.fail("%s holds %s, it must hold strings only", key, kind(item))
		}
	}
	return out
}

func (r *reader) count(obj map[string]any, key string) *int {
	v := obj[key]
	delete(obj, key)
	if v == nil {
		return nil
	}
	n, ok := v.(json.Number)
	i, err := strconv.Atoi(n.String())
	if !ok || err != nil || i < 0 {
		r.fail("%s is %s, it must be a whole number from 0 up", key, kind(v))
		return nil
	}
	return &i
}

func joined(v any) (string, bool) {
	items, ok := v.([]any)
	if !ok {
		return "", false
	}
	var b strings.Builder
	for _, item := range items {
		s, ok := item.(string)
		if !ok {
			return "", false
		}
		b.WriteString(s)
	}
	return b.String(), true
}

// rejoin joins the lists of lines in a bundle, but for JSON types
// (rwbase.py, _rejoin_mimebundle).
func rejoin(bundle map[string]any) map[string]any {
	for mime, v := range bundle {
		if s, ok := joined(v); ok && !IsJSONMIME(mime) {
			bundle[mime] = s
		}
	}
	return bundle
}

// IsJSONMIME tells whether a bundle holds a decoded JSON document under this
// type: application/json and application/*+json.
func IsJSONMIME(mime string) bool {
	return mime == "application/json" ||
		strings.HasPrefix(mime, "application/") && strings.HasSuffix(mime, "+json")
}

func rest(obj map[string]any) map[string]any {
	if len(obj) == 0 {
		return nil
	}
	return obj
}

func kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "missing or null"
	case bool:
		return "a boolean"
	case string:
		return "a string"
	case json.Number:
		return "the number " + v.String()
	case []any:
		return "a list"
	default:
		return "an object"
	}
}

// Upgrade makes nb format 4.5: cells get ids. The ids depend on place, type
// and source only, so that upgrading the same file twice gives the same file.
func (nb *Notebook) Upgrade() {
	if nb.Minor >= Minor {
		return
	}
	nb.Minor = Minor
	nb.mendIDs(func(int, string, string) {})
}

// InsertCell puts c at index at, before the cell that is there now, and gives it
// an id if it has none. It panics if at is out of range, as slices.Insert does.
func (nb *Notebook) InsertCell(at int, c *Cell) {
	nb.Cells = slices.Insert(nb.Cells, at, c)
	if nb.Minor >= Minor && c.ID == "" {
		c.ID = newID(at, c, nb.ids())
	}
}

// checkIDs fills missing ids, and replaces those that the schema forbids or
// that an earlier cell has (validator.py keeps the first of two as well).
func (nb *Notebook) checkIDs() {
	if nb.Minor < Minor {
		return
	}
	nb.mendIDs(func(i int, old, now string) {
		why := fmt.Sprintf("its id %q is not allowed", old)
		switch {
		case old == "":
			why = "it had no id"
		case validID(old):
			why = fmt.Sprintf("its id %q belongs to an earlier cell", old)
		}
		nb.Repairs = append(nb.Repairs, fmt.Sprintf("cell %d: %s, now %q", i+1, why, now))
	})
}

// mendIDs gives every cell an id that is valid and its own, and tells what it changed.
func (nb *Notebook) mendIDs(changed func(i int, old, now string)) {
	taken := nb.ids()
	seen := map[string]bool{}
	for i, c := range nb.Cells {
		if old := c.ID; !validID(old) || seen[old] {
			c.ID = newID(i, c, taken)
			taken[c.ID] = true
			changed(i, old, c.ID)
		}
		seen[c.ID] = true
	}
}

func (nb *Notebook) ids() map[string]bool {
	ids := map[string]bool{}
	for _, c := range nb.Cells {
		ids[c.ID] = true
	}
	return ids
}

func validID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	return strings.IndexFunc(id, func(r rune) bool {
		return !(r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
	}) < 0
}

// newID is an id of eight hexadecimal digits, as the official library makes
// them, for the cell c at index i; it is not in taken.
func newID(i int, c *Cell, taken map[string]bool) string {
	for try := 0; ; try++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %s %s", i, try, c.Type, c.Source))
		if id := hex.EncodeToString(sum[:4]); !taken[id] {
			return id
		}
	}
}

// Tags are the cell's tags (metadata.tags), in order.
func (c *Cell) Tags() []string {
	items, _ := c.Metadata["tags"].([]any)
	var tags []string
	for _, item := range items {
		if s, ok := item.(string); ok {
			tags = append(tags, s)
		}
	}
	return tags
}

// HasTag tells whether the cell carries tag.
func (c *Cell) HasTag(tag string) bool { return slices.Contains(c.Tags(), tag) }
