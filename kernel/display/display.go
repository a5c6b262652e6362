package display

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"reflect"

	"github.com/google/uuid"

	"braid/kernel/eval"
	"braid/kernel/eval/host"
)

// HTML shows html as rich output.
func HTML(html string) { show("text/html", html, "HTML") }

// SVG shows a drawing, given as the text of an SVG document.
func SVG(svg string) { show("image/svg+xml", svg, "SVG") }

// Markdown shows formatted text; $…$ and $$…$$ hold formulas.
func Markdown(text string) { show("text/markdown", text, text) }

// LaTeX shows a formula; it needs its own $$…$$ or environment.
func LaTeX(text string) { show("text/latex", text, text) }

// Text shows plain text as a display of its own, apart from stdout.
func Text(text string) { Data(map[string]any{"text/plain": text}, nil) }

// JSON shows v as a tree that can be opened and closed. It fails if v has no
// JSON form.
func JSON(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("display.JSON: %w", err)
	}
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		return fmt.Errorf("display.JSON: %w", err)
	}
	Data(map[string]any{"application/json": doc, "text/plain": string(text)}, nil)
	return nil
}

// PNG shows a picture given as the bytes of a PNG file.
func PNG(file []byte) { picture("image/png", file) }

// JPEG shows a picture given as the bytes of a JPEG file.
func JPEG(file []byte) { picture("image/jpeg", file) }

// Image shows a picture as PNG. It fails if the picture cannot be encoded
// (empty bounds).
func Image(img image.Image) error {
	file, err := encodePNG(img)
	if err != nil {
		return fmt.Errorf("display.Image: %w", err)
	}
	PNG(file)
	return nil
}

// Data shows a MIME bundle as it is: strings for text types, base64 text for
// images, decoded documents for JSON types. Both maps may be nil.
func Data(data, metadata map[string]any) {
	host.Emit(eval.Event{Display: &eval.Display{Data: data, Metadata: metadata}})
}

// Show displays a value as a cell's final expression would be.
func Show(v any) { ShowAs("", v) }

// ShowAs displays a value under an id, so that Update can replace it later.
// An empty id means none.
func ShowAs(id string, v any) {
	d := Bundle(ValueOf(v))
	d.ID = id
	host.Emit(eval.Event{Display: &d})
}

// ShowNew displays a value under a fresh id and returns the id.
func ShowNew(v any) (id string) {
	id = uuid.NewString()
	ShowAs(id, v)
	return id
}

// Update replaces, wherever it stands in the notebook, what was shown under
// the id.
func Update(id string, v any) {
	d := Bundle(ValueOf(v))
	d.ID, d.Update = id, true
	host.Emit(eval.Event{Display: &d})
}

// Clear removes the cell's output so far: at once, or, with wait, when the
// next output arrives (which avoids flicker in animations).
func Clear(wait bool) { host.Emit(eval.Event{Clear: &eval.Clear{Wait: wait}}) }

// Input asks the reader for a line of text. It fails where nobody can answer:
// under nbconvert, nbclient, nbgrader and braid run.
func Input(prompt string) (string, error) { return host.Input(prompt, false) }

// Password asks for a line that the front end does not echo.
func Password(prompt string) (string, error) { return host.Input(prompt, true) }

// Page shows text in the front end's pager, beside the notebook.
func Page(text string) error {
	if text == "" {
		return errors.New("display.Page: nothing to show")
	}
	host.Emit(eval.Event{Payload: map[string]any{
		"source": "page", "data": map[string]any{"text/plain": text}, "start": 0,
	}})
	return nil
}

// SetNextInput puts source into a new cell below this one.
func SetNextInput(source string) {
	host.Emit(eval.Event{Payload: map[string]any{
		"source": "set_next_input", "text": source, "replace": false,
	}})
}

func show(mime, content, plain string) {
	if plain != content {
		plain = "<" + plain + ">"
	}
	Data(map[string]any{mime: content, "text/plain": plain}, nil)
}

func picture(mime string, file []byte) {
	Data(map[string]any{
		mime:         base64.StdEncoding.EncodeToString(file),
		"text/plain": fmt.Sprintf("<%s, %d bytes>", mime, len(file)),
	}, nil)
}

func encodePNG(img image.Image) ([]byte, error) {
	if img == nil || img.Bounds().Empty() {
		return nil, errors.New("the image is empty")
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Value is a value with the type the cell gave it. Type matters where the
// engine's own type has lost its name; an empty Type means V's.
type Value struct {
	V    reflect.Value
	Type string
}

// ValueOf is the Value of anything.
func ValueOf(v any) Value { return Value{V: reflect.ValueOf(v)} }

func (v Value) typeName() string {
	if v.Type != "" {
		return v.Type
	}
	if !v.V.IsValid() {
		return "nil"
	}
	return v.V.Type().String()
}
