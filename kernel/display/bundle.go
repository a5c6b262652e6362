package display

import (
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	"maps"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"braid/kernel/eval"
)

// plainLimit cuts text/plain, in bytes: enough for a page of a notebook, small
// enough that a slice of a million numbers does not stall a front end.
const plainLimit = 64 << 10

// Bundle is the MIME bundle for the values of a final expression: one value as
// the package comment says, several (the results of a call, a list of
// expressions) as plain text side by side.
func Bundle(values ...Value) eval.Display {
	if len(values) == 1 {
		return eval.Display{Data: one(values[0])}
	}
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = Plain(v)
	}
	return eval.Display{Data: map[string]any{"text/plain": strings.Join(texts, ", ")}}
}

func one(v Value) map[string]any {
	data := map[string]any{"text/plain": Plain(v)}
	if !v.V.IsValid() || !v.V.CanInterface() || isNil(v.V) {
		return data
	}
	if err := rich(v.V.Interface(), data); err != nil {
		return map[string]any{"text/plain": err.Error()}
	}
	if len(data) == 1 {
		if t, ok := tableOf(v.V); ok {
			data["text/plain"], data["text/html"] = t.text(), t.html()
		}
	}
	return data
}

func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice, reflect.Func, reflect.Chan:
		return v.IsNil()
	}
	return false
}

// rich adds what the value's own methods offer. A panic in one of them is the
// learner's and comes back as an error.
func rich(x any, data map[string]any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%T cannot be shown: its method panicked: %v", x, r)
		}
	}()
	if m, ok := x.(interface{ MIMEBundle() map[string]any }); ok {
		maps.Copy(data, m.MIMEBundle())
		return nil
	}
	for _, m := range []struct {
		mime string
		text func() (string, bool)
	}{
		{"text/html", func() (string, bool) { return htmlOf(x) }},
		{"image/svg+xml", method(x, func(m interface{ SVG() string }) string { return m.SVG() })},
		{"text/markdown", method(x, func(m interface{ Markdown() string }) string { return m.Markdown() })},
		{"text/latex", method(x, func(m interface{ LaTeX() string }) string { return m.LaTeX() })},
		{"image/png", method(x, func(m interface{ PNG() []byte }) string { return encode(m.PNG()) })},
		{"image/jpeg", method(x, func(m interface{ JPEG() []byte }) string { return encode(m.JPEG()) })},
	} {
		if text, ok := m.text(); ok {
			data[m.mime] = text
		}
	}
	if img, ok := x.(image.Image); ok && data["image/png"] == nil {
		return addImage(img, data)
	}
	return nil
}

func method[M any](x any, call func(M) string) func() (string, bool) {
	return func() (string, bool) {
		m, ok := x.(M)
		if !ok {
			return "", false
		}
		return call(m), true
	}
}

func htmlOf(x any) (string, bool) {
	switch h := x.(type) {
	case template.HTML:
		return string(h), true
	case interface{ HTML() string }:
		return h.HTML(), true
	}
	return "", false
}

func encode(file []byte) string { return base64.StdEncoding.EncodeToString(file) }

func addImage(img image.Image, data map[string]any) error {
	file, err := encodePNG(img)
	if err != nil {
		return nil // its text still shows what it is
	}
	b := img.Bounds()
	data["image/png"] = encode(file)
	data["text/plain"] = fmt.Sprintf("<%T, %d×%d>", img, b.Dx(), b.Dy())
	return nil
}

// Plain is the text/plain form of a value.
func Plain(v Value) string {
	if !v.V.IsValid() {
		return "<nil>"
	}
	return cut(plain(v), plainLimit)
}

func plain(v Value) string {
	x := v.V
	for x.Kind() == reflect.Interface && !x.IsNil() {
		x = x.Elem()
	}
	if x.CanInterface() {
		switch x.Interface().(type) {
		case error, fmt.Stringer, fmt.Formatter:
			return fmt.Sprintf("%v", x.Interface())
		}
	}
	switch x.Kind() {
	case reflect.String:
		return strconv.Quote(x.String())
	case reflect.Func:
		if x.IsNil() {
			return "nil " + v.typeName()
		}
		return v.typeName()
	case reflect.Chan:
		if x.IsNil() {
			return "nil " + v.typeName()
		}
		return fmt.Sprintf("%s (%d of %d buffered)", v.typeName(), x.Len(), x.Cap())
	}
	return elements(x)
}

// elements writes a value as %+v does, but no more of a long slice than a
// front end can show.
func elements(x reflect.Value) string {
	const most = 20_000
	if x.Kind() == reflect.Slice && x.Len() > most {
		return fmt.Sprintf("%+v… (%d elements more)", x.Slice(0, most), x.Len()-most)
	}
	// fmt prints the value that a reflect.Value holds, exported or not
	return fmt.Sprintf("%+v", x)
}

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	end := limit
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return fmt.Sprintf("%s… (%d bytes more)", s[:end], len(s)-end)
}
