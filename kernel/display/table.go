package display

import (
	"cmp"
	"fmt"
	"html"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of a table: what does not fit is counted under it.
const (
	tableRows    = 60
	tableColumns = 20
	cellRunes    = 80
)

type table struct {
	head  []string
	rows  [][]string
	right []bool // columns of numbers
	note  string
}

// tableOf makes a table of a slice, array or map whose elements are structs
// (or pointers to structs) without a text form of their own.
func tableOf(v reflect.Value) (*table, bool) {
	for v.Kind() == reflect.Interface && !v.IsNil() {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map:
	default:
		return nil, false
	}
	elem := v.Type().Elem()
	if elem.Kind() == reflect.Pointer {
		elem = elem.Elem()
	}
	if elem.Kind() != reflect.Struct || elem.NumField() == 0 || v.Len() == 0 || hasText(v.Type().Elem()) || hasText(v.Type()) {
		return nil, false
	}
	t := &table{}
	columns := min(elem.NumField(), tableColumns)
	t.addHead("", v.Kind() == reflect.Map && numeric(v.Type().Key()) || v.Kind() != reflect.Map)
	for i := range columns {
		t.addHead(elem.Field(i).Name, numeric(elem.Field(i).Type))
	}
	if v.Kind() == reflect.Map {
		t.addMap(v, columns)
	} else {
		for i := range min(v.Len(), tableRows) {
			t.addRow(fmt.Sprint(i), v.Index(i), columns)
		}
	}
	t.addNote(v.Len(), elem.NumField())
	return t, true
}

var (
	errorType    = reflect.TypeFor[error]()
	stringerType = reflect.TypeFor[fmt.Stringer]()
)

func hasText(t reflect.Type) bool { return t.Implements(errorType) || t.Implements(stringerType) }

func numeric(t reflect.Type) bool {
	return t.Kind() >= reflect.Int && t.Kind() <= reflect.Complex128 && !hasText(t)
}

func (t *table) addHead(name string, right bool) {
	t.head, t.right = append(t.head, name), append(t.right, right)
}

func (t *table) addMap(m reflect.Value, columns int) {
	type entry struct {
		name string
		key  reflect.Value
	}
	entries := make([]entry, 0, m.Len())
	for _, k := range m.MapKeys() {
		entries = append(entries, entry{fmt.Sprintf("%v", k), k})
	}
	slices.SortFunc(entries, func(a, b entry) int { return compareKeys(a.key, b.key, a.name, b.name) })
	for _, e := range entries[:min(len(entries), tableRows)] {
		t.addRow(clip(e.name), m.MapIndex(e.key), columns)
	}
}

func compareKeys(a, b reflect.Value, an, bn string) int {
	switch {
	case a.CanInt():
		return cmp.Compare(a.Int(), b.Int())
	case a.CanUint():
		return cmp.Compare(a.Uint(), b.Uint())
	case a.CanFloat():
		return cmp.Compare(a.Float(), b.Float())
	}
	return cmp.Compare(an, bn)
}

func (t *table) addRow(label string, elem reflect.Value, columns int) {
	row := []string{label}
	for elem.Kind() == reflect.Pointer && !elem.IsNil() {
		elem = elem.Elem()
	}
	for i := range columns {
		if elem.Kind() != reflect.Struct {
			row = append(row, "<nil>")
			continue
		}
		// %v of a reflect.Value prints the value it holds, unexported or not
		row = append(row, clip(fmt.Sprintf("%v", elem.Field(i))))
	}
	t.rows = append(t.rows, row)
}

func (t *table) addNote(rows, columns int) {
	var notes []string
	if rows > tableRows {
		notes = append(notes, fmt.Sprintf("%d of %d rows", tableRows, rows))
	}
	if columns > tableColumns {
		notes = append(notes, fmt.Sprintf("%d of %d columns", tableColumns, columns))
	}
	t.note = strings.Join(notes, ", ")
}

func clip(s string) string {
	s = strings.NewReplacer("\n", "⏎", "\t", " ", "\r", "").Replace(s)
	if utf8.RuneCountInString(s) <= cellRunes {
		return s
	}
	return string([]rune(s)[:cellRunes-1]) + "…"
}

func (t *table) text() string {
	width := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for _, row := range append([][]string{t.head}, t.rows...) {
		var line strings.Builder
		for i, c := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
			if i > 0 {
				line.WriteString("  ")
			}
			if t.right[i] {
				line.WriteString(pad + c)
			} else {
				line.WriteString(c + pad)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	if t.note != "" {
		b.WriteString("(" + t.note + ")\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (t *table) html() string {
	var b strings.Builder
	b.WriteString("<table>\n<thead>")
	t.htmlRow(&b, "th", t.head)
	b.WriteString("</thead>\n<tbody>\n")
	for _, row := range t.rows {
		t.htmlRow(&b, "td", row)
		b.WriteString("\n")
	}
	b.WriteString("</tbody>\n</table>")
	if t.note != "" {
		fmt.Fprintf(&b, "\n<p>%s</p>", html.EscapeString(t.note))
	}
	return b.String()
}

func (t *table) htmlRow(b *strings.Builder, tag string, row []string) {
	b.WriteString("<tr>")
	for i, c := range row {
		cell := tag
		if i == 0 {
			cell = "th"
		}
		align := "left"
		if t.right[i] {
			align = "right"
		}
		fmt.Fprintf(b, `<%s style="text-align:%s">%s</%s>`, cell, align, html.EscapeString(c), cell)
	}
	b.WriteString("</tr>")
}
