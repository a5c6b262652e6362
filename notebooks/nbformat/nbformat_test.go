package nbformat_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"braid/install/venv/venvtest"
	"braid/notebooks/nbformat"
)

// roundTrip reads and writes data, and tells the first difference.
func roundTrip(t *testing.T, name string, data []byte) {
	t.Helper()
	nb, err := nbformat.Read(data)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if len(nb.Repairs) > 0 {
		t.Errorf("%s: a valid notebook was mended: %v", name, nb.Repairs)
	}
	got, err := nb.Bytes()
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if !bytes.Equal(got, data) {
		a, b := strings.Split(string(data), "\n"), strings.Split(string(got), "\n")
		i := 0
		for i < len(a) && i < len(b) && a[i] == b[i] {
			i++
		}
		t.Errorf("%s: line %d changed from %q to %q", name, i+1, a[min(i, len(a)-1)], b[min(i, len(b)-1)])
	}
}

// The files in testdata were written by nbformat 5.11.1.
func TestGoldenFilesStayAsTheyAre(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.ipynb")
	if len(files) < 10 {
		t.Fatalf("%d golden files, there should be more", len(files))
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		roundTrip(t, name, data)
	}
}

func TestOfficialLibraryAgrees(t *testing.T) {
	python := venvtest.Python(t)
	dir := t.TempDir()
	if out, err := exec.Command(python, "testdata/official.py", "generate", dir, "300").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.ipynb"))
	if len(files) != 300 {
		t.Fatalf("%d files generated, want 300", len(files))
	}
	var upgraded []string
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		roundTrip(t, filepath.Base(name), data)
		nb, err := nbformat.Read(data)
		if err != nil {
			t.Fatal(err)
		}
		nb.Upgrade()
		upgraded = append(upgraded, strings.TrimSuffix(name, ".ipynb")+".upgraded")
		if err := nb.WriteFile(upgraded[len(upgraded)-1]); err != nil {
			t.Fatal(err)
		}
	}
	officialKeeps(t, python, upgraded)
}

// officialKeeps demands that each file is valid to the official library, which
// writes it as it is.
func officialKeeps(t *testing.T, python string, files []string) {
	t.Helper()
	if out, err := exec.Command(python, append([]string{"testdata/official.py", "check"}, files...)...).CombinedOutput(); err != nil {
		t.Fatalf("the official library objects: %v\n%s", err, out)
	}
	for _, name := range files {
		ours, err1 := os.ReadFile(name)
		theirs, err2 := os.ReadFile(name + ".official")
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(ours, theirs) {
			t.Errorf("%s: the official library writes it differently:\n%s\nnot\n%s", filepath.Base(name), theirs, ours)
		}
	}
}

func TestValuesOfProgramsAreWrittenAsAfterAKernel(t *testing.T) {
	values := map[string]any{
		"int": 3, "int64": int64(-4), "whole": 1.0, "zero": math.Copysign(0, -1), "tenth": 0.1, "small": 1e-7, "smaller": 0.00001,
		"big": 1e21, "big20": 1e20, "list": []string{"a", "<b>"}, "struct": struct{ A, B int }{1, 2}, "map": map[string]int{"x": 1},
		"bytes": []byte("hi"), "bad": "a\xffb",
	}
	nb := nbformat.New()
	nb.Cells = []*nbformat.Cell{{Type: nbformat.Code, ID: "a", Metadata: map[string]any{}, Outputs: []*nbformat.Output{
		{Type: nbformat.DisplayData, Data: map[string]any{"application/json": values}},
	}}}
	python := venvtest.Python(t)
	dir := t.TempDir()
	name := filepath.Join(dir, "nb.ipynb")
	if err := nb.WriteFile(name); err != nil {
		t.Fatal(err)
	}
	officialKeeps(t, python, []string{name})

	// A kernel sends them as encoding/json writes them; Python reads and writes them.
	sent, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	program := "import json, sys; json.dump(json.loads(sys.argv[1]), sys.stdout, sort_keys=True, indent=1, ensure_ascii=False)"
	want, err := exec.Command(python, "-X", "utf8", "-c", program, string(sent)).Output()
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if flat := squeeze(string(file)); !strings.Contains(flat, squeeze(string(want))) {
		t.Errorf("a kernel's message would give\n%s\nbut the file has\n%s", want, file)
	}
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), "") }

func TestUpgradeGivesStableIDs(t *testing.T) {
	const old = `{"metadata": {"orig_nbformat": 3}, "nbformat": 4, "nbformat_minor": 2, "cells": [
	 {"cell_type": "markdown", "metadata": {"trusted": true}, "source": ["# A\n", "b"]},
	 {"cell_type": "code", "metadata": {}, "source": "x", "outputs": [], "execution_count": null}]}`
	write := func() string {
		nb, err := nbformat.Read([]byte(old))
		if err != nil {
			t.Fatal(err)
		}
		nb.Upgrade()
		if nb.Minor != 5 || nb.Cells[0].ID == "" || nb.Cells[0].ID == nb.Cells[1].ID {
			t.Errorf("upgraded to 4.%d with ids %q and %q", nb.Minor, nb.Cells[0].ID, nb.Cells[1].ID)
		}
		data, err := nb.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	first := write()
	if second := write(); first != second {
		t.Error("two upgrades of one file differ")
	}
	for _, gone := range []string{"orig_nbformat", "trusted"} {
		if strings.Contains(first, gone) {
			t.Errorf("the transient key %s was written", gone)
		}
	}
}

func TestReadMendsIDs(t *testing.T) {
	nb, err := nbformat.Read([]byte(`{"metadata": {}, "nbformat": 4, "nbformat_minor": 5, "cells": [
	 {"cell_type": "raw", "id": "one", "metadata": {}, "source": ""},
	 {"cell_type": "raw", "id": "one", "metadata": {}, "source": ""},
	 {"cell_type": "raw", "metadata": {}, "source": ""},
	 {"cell_type": "raw", "id": "not valid!", "metadata": {}, "source": ""}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, c := range nb.Cells {
		ids = append(ids, c.ID)
	}
	if ids[0] != "one" || len(slices.Compact(slices.Sorted(slices.Values(ids)))) != 4 || slices.Contains(ids, "") {
		t.Errorf("the ids are %q", ids)
	}
	want := []string{"cell 2: its id \"one\" belongs to an earlier cell", "cell 3: it had no id", "cell 4: its id \"not valid!\" is not allowed"}
	for i, w := range want {
		if i >= len(nb.Repairs) || !strings.HasPrefix(nb.Repairs[i], w) {
			t.Errorf("repairs are %q, want number %d to start with %q", nb.Repairs, i+1, w)
		}
	}
}

func TestReadSaysWhatIsWrong(t *testing.T) {
	const cells = `{"metadata": {}, "nbformat": 4, "nbformat_minor": 5, "cells": [`
	for name, c := range map[string]struct{ in, want string }{
		"empty":           {"", "line 1, column 1: the document ends"},
		"cut off":         {"{\n \"cells\": [", "line 2, column 12: the document ends"},
		"python":          {"{'a': 1}", "line 1, column 2: a key in double quotes"},
		"trailing comma":  {`{"a": 1,}`, "line 1, column 9: a key in double quotes"},
		"conflict":        {"{\n<<<<<<< HEAD\n", "line 2, column 1: a key in double quotes"},
		"two documents":   {"{} {}", "line 1, column 4: something follows"},
		"bad escape":      {`"\x"`, "line 1, column 2: an invalid escape"},
		"bad unicode":     {`"\u12g4"`, `\u needs four`},
		"open string":     {"[\n\"abc", "line 2, column 1: the string that starts here"},
		"raw newline":     {"\"a\nb\"", "raw control character 0x0a"},
		"not utf-8":       {"\"a\xff\"", "line 1, column 3: the file is not UTF-8"},
		"deep":            {strings.Repeat("[", 20000), "nest deeper than 10000"},
		"leading zero":    {"[01]", "line 1, column 3: a comma"},
		"bare word":       {"[nul]", `'n' cannot start a value`},
		"no object":       {"[]", "the document: it is a list"},
		"no notebook":     {"{}", "is it a notebook?"},
		"version 3":       {`{"nbformat": 3, "nbformat_minor": 0, "worksheets": []}`, "jupyter nbconvert --to notebook --nbformat 4"},
		"version 5":       {`{"nbformat": 5, "nbformat_minor": 0}`, "format 5, newer than 4"},
		"no minor":        {`{"nbformat": 4}`, "nbformat_minor is missing"},
		"cells no list":   {`{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": {}}`, "cells is an object"},
		"cell no object":  {cells + `1]}`, "cell 1: it is the number 1"},
		"source a number": {cells + `{"cell_type": "raw", "metadata": {}, "source": 5}]}`, "cell 1: source is the number 5"},
		"count negative":  {cells + `{"cell_type": "code", "metadata": {}, "source": "", "outputs": [], "execution_count": -1}]}`, "cell 1: execution_count"},
		"output broken":   {cells + `{"cell_type": "code", "metadata": {}, "source": "", "outputs": [{"output_type": "stream", "name": "stdout", "text": {}}], "execution_count": 1}]}`, "cell 1, output 1: text is an object"},
		"traceback":       {cells + `{"cell_type": "code", "metadata": {}, "source": "", "outputs": [{"output_type": "error", "ename": "", "evalue": "", "traceback": [1]}], "execution_count": 1}]}`, "cell 1, output 1: traceback holds the number 1"},
	} {
		_, err := nbformat.Read([]byte(c.in))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}

func TestReadIsLenientWhereTheLibraryIs(t *testing.T) {
	nb, err := nbformat.Read([]byte("\ufeff" + `{"nbformat": 4, "nbformat_minor": 9, "future": [1.50, NaN], "metadata": {},
	 "cells": [{"cell_type": "new", "id": "a", "metadata": {}, "source": "\ud800x\ud83d\ude00", "more": {"b": 2}, "more": {"a": 1}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	data, err := nb.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1.50", "NaN", "\"\ufffdx😀\"", "\"a\": 1\n", `"nbformat_minor": 9`, `"cell_type": "new"`} {
		if !strings.Contains(string(data), want) {
			t.Errorf("%s is missing in\n%s", want, data)
		}
	}
}

func TestInsertCell(t *testing.T) {
	nb := nbformat.New()
	nb.InsertCell(0, &nbformat.Cell{Type: nbformat.Code, Source: "b"})
	nb.InsertCell(0, &nbformat.Cell{Type: nbformat.Code, Source: "a"})
	if nb.Cells[0].Source != "a" || nb.Cells[0].ID == "" || nb.Cells[0].ID == nb.Cells[1].ID {
		t.Errorf("cells %+v, %+v", nb.Cells[0], nb.Cells[1])
	}
}

func TestWriteFileKeepsModeAndLink(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real.ipynb"), filepath.Join(dir, "link.ipynb")
	if err := os.WriteFile(real, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	if err := nbformat.New().WriteFile(link); err != nil {
		t.Fatal(err)
	}
	st, err := os.Lstat(link)
	if err != nil || st.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", st.Mode(), err)
	}
	if st, _ = os.Stat(real); st.Mode().Perm() != 0o640 {
		t.Errorf("the mode became %v", st.Mode())
	}
	if _, err := nbformat.ReadFile(real); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 2 {
		t.Errorf("left behind: %v", left)
	}
}

// FuzzRead: whatever is read can be written, and what was written stays as it is.
func FuzzRead(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.ipynb")
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		nb, err := nbformat.Read(data)
		if err != nil {
			return
		}
		first, err := nb.Bytes()
		if err != nil {
			t.Fatalf("cannot be written: %v", err)
		}
		again, err := nbformat.Read(first)
		if err != nil {
			t.Fatalf("cannot read what was written: %v\n%s", err, first)
		}
		if len(again.Repairs) > 0 {
			t.Errorf("what was written needs mending: %v", again.Repairs)
		}
		second, err := again.Bytes()
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("writing twice differs (%v):\n%s\n%s", err, first, second)
		}
	})
}
