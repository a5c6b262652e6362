package display

import (
	"bytes"
	"encoding/base64"
	"errors"
	"image"
	"image/png"
	"reflect"
	"strings"
	"testing"
	"time"
)

type point struct{ X, y int }

type celsius float64

func (c celsius) String() string { return "warm" }

type page struct{}

func (page) HTML() string     { return "<b>hi</b>" }
func (page) Markdown() string { return "**hi**" }

type broken struct{}

func (broken) HTML() string { panic("no paper") }

func TestPlain(t *testing.T) {
	ch := make(chan int, 3)
	ch <- 1
	var nilMap map[string]int
	for _, c := range []struct {
		value any
		want  string
	}{
		{42, "42"},
		{2.0, "2"},
		{"a\nb", `"a\nb"`},
		{[]int{1, 2, 3}, "[1 2 3]"},
		{map[string]int{"b": 2, "a": 1}, "map[a:1 b:2]"},
		{point{1, 2}, "{X:1 y:2}"},
		{&point{1, 2}, "&{X:1 y:2}"},
		{celsius(3), "warm"},
		{[]celsius{3}, "[warm]"},
		{1500 * time.Millisecond, "1.5s"},
		{errors.New("lost"), "lost"},
		{nil, "<nil>"},
		{nilMap, "map[]"},
		{strings.ToUpper, "func(string) string"},
		{ch, "chan int (1 of 3 buffered)"},
		{true, "true"},
		{'x', "120"},
	} {
		if got := Plain(ValueOf(c.value)); got != c.want {
			t.Errorf("Plain(%#v) = %q, want %q", c.value, got, c.want)
		}
	}
}

func TestPlainIsCut(t *testing.T) {
	got := Plain(ValueOf(make([]int, 5_000_000)))
	if len(got) > plainLimit+100 || !strings.Contains(got, "4980000 elements more") {
		t.Errorf("a huge slice shows as %d bytes ending in %q", len(got), got[len(got)-40:])
	}
	if got := Plain(ValueOf(strings.Repeat("世", plainLimit))); strings.ContainsRune(got, '\uFFFD') {
		t.Error("a long text is cut inside a rune")
	}
}

func TestMethodShapes(t *testing.T) {
	d := Bundle(ValueOf(page{})).Data
	if d["text/html"] != "<b>hi</b>" || d["text/markdown"] != "**hi**" || d["text/plain"] == nil {
		t.Errorf("bundle of a value with HTML and Markdown: %v", d)
	}
	d = Bundle(ValueOf(broken{})).Data
	if text, _ := d["text/plain"].(string); !strings.Contains(text, "no paper") || d["text/html"] != nil {
		t.Errorf("a panicking method must show its panic: %v", d)
	}
	var none *page
	if d := Bundle(ValueOf(none)).Data; d["text/plain"] != "<nil>" {
		t.Errorf("a nil pointer shows as %v", d)
	}
}

func TestImage(t *testing.T) {
	d := Bundle(ValueOf(image.NewGray(image.Rect(0, 0, 4, 3)))).Data
	file, err := base64.StdEncoding.DecodeString(d["image/png"].(string))
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(file))
	if err != nil || img.Bounds() != image.Rect(0, 0, 4, 3) {
		t.Errorf("decoded %v (%v)", img, err)
	}
	if d["text/plain"] != "<*image.Gray, 4×3>" {
		t.Errorf("text/plain %v", d["text/plain"])
	}
}

func TestTable(t *testing.T) {
	d := Bundle(ValueOf([]point{{1, 20}, {300, 4}})).Data
	want := "     X   y\n0    1  20\n1  300   4"
	if d["text/plain"] != want {
		t.Errorf("table:\n%s\nwant\n%s", d["text/plain"], want)
	}
	if html := d["text/html"].(string); strings.Count(html, "<tr>") != 3 || !strings.Contains(html, ">300</td>") {
		t.Errorf("html table: %s", html)
	}
	d = Bundle(ValueOf(map[string]*point{"b<": {1, 2}, "a": nil})).Data
	if html := d["text/html"].(string); !strings.Contains(html, "b&lt;") || strings.Index(html, ">a<") > strings.Index(html, "b&lt;") {
		t.Errorf("a map's table is sorted and escaped: %s", html)
	}
	if d := Bundle(ValueOf([]celsius{1})).Data; d["text/html"] != nil {
		t.Error("values with a text of their own are no table")
	}
	if d := Bundle(ValueOf(make([]point, tableRows+5))).Data; !strings.Contains(d["text/plain"].(string), "60 of 65 rows") {
		t.Error("a long table does not say that it is cut")
	}
}

func TestSeveralValues(t *testing.T) {
	got := Bundle(ValueOf(1), Value{V: reflect.ValueOf(nil), Type: "error"}, ValueOf("x")).Data["text/plain"]
	if got != `1, <nil>, "x"` {
		t.Errorf("several values show as %s", got)
	}
}
