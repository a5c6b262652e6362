package notebooks

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"braid/notebooks/nbformat"
)

// Fate is what Copy did about a file.
type Fate string

const (
	Written   Fate = "written"   // it was not there
	Updated   Fate = "updated"   // it was an older version, as Copy had written it
	Unchanged Fate = "unchanged" // it was there already
	Kept      Fate = "kept"      // the reader has changed it
)

// Copied is one file of the course in the reader's folder.
type Copied struct {
	Name string // relative to the folder
	Fate Fate
	// Beside is where a version that the reader has not seen was written, if
	// the file was kept and there is one.
	Beside string
}

// CopyOptions choose what Copy lays out. The zero value is for students.
type CopyOptions struct {
	// Solutions lays out the exercises as their authors wrote them: with
	// solutions, hidden tests and design notes.
	Solutions bool
}

// manifestName is the file in the reader's folder which says what Copy wrote
// there: without it nobody could tell an old lesson from one that was worked on.
const manifestName = ".braid-course.json"

// manifest maps names to the SHA-256 of the version that was last written, or
// offered, under this name.
type manifest map[string]string

// Copy lays the course out in dir, which is made if need be. A file that the
// reader has changed is kept; if the course has a newer version of it, that is
// written beside it as NAME.new.ipynb. It may be called again at any time. What
// was copied before an error stays, and is reported.
func Copy(dir string, o CopyOptions) ([]Copied, error) {
	course, err := layout(o)
	if err != nil {
		return nil, err
	}
	c := &copier{dir: dir, known: readManifest(dir)}
	var all []Copied
	for _, name := range sortedKeys(course) {
		done, err := c.file(name, course[name])
		if err != nil {
			return all, errors.Join(fmt.Errorf("laying out the course: %w", err), c.save())
		}
		all = append(all, done)
	}
	return all, c.save()
}

// layout is the course by the names that its files get.
func layout(o CopyOptions) (map[string][]byte, error) {
	course := map[string][]byte{}
	for _, name := range Lessons() {
		course[name], _ = files.ReadFile(path.Join("course", name))
	}
	for _, name := range find("exercises", "") {
		data, err := files.ReadFile(path.Join("exercises", name))
		if err != nil {
			return nil, err
		}
		if target := "exercises/" + name; o.Solutions || name == "README.md" {
			course[target] = data
		}
	}
	if o.Solutions {
		return course, nil
	}
	for _, name := range Exercises() {
		nb, err := read(path.Join("exercises", name))
		if err != nil {
			return nil, err
		}
		if err := Student(nb); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if course["exercises/"+path.Dir(name)+".ipynb"], err = nb.Bytes(); err != nil {
			return nil, err
		}
	}
	return course, nil
}

func sortedKeys(m map[string][]byte) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// copier lays files out in one folder.
type copier struct {
	dir   string
	known manifest
}

func (c *copier) file(name string, want []byte) (Copied, error) {
	target := filepath.Join(c.dir, filepath.FromSlash(name))
	have, err := os.ReadFile(target)
	before := c.known[name]
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = c.create(target, want)
		c.known[name] = digest(want)
		return Copied{Name: name, Fate: Written}, err
	case err != nil:
		return Copied{}, err
	case string(have) == string(want):
		c.known[name] = digest(want)
		return Copied{Name: name, Fate: Unchanged}, nil
	case digest(have) == before:
		err = nbformat.ReplaceFile(target, want)
		c.known[name] = digest(want)
		return Copied{Name: name, Fate: Updated}, err
	}
	kept := Copied{Name: name, Fate: Kept}
	if before == digest(want) || isBeside(name) {
		return kept, nil
	}
	done, err := c.file(beside(name), want)
	if err != nil {
		return kept, err
	}
	if done.Fate != Kept {
		kept.Beside = done.Name
		c.known[name] = digest(want)
	}
	return kept, nil
}

// beside is the name for a new version of a file that the reader has changed.
func beside(name string) string {
	ext := path.Ext(name)
	return strings.TrimSuffix(name, ext) + ".new" + ext
}

func isBeside(name string) bool {
	return strings.HasSuffix(strings.TrimSuffix(name, path.Ext(name)), ".new")
}

// create writes a file that must not exist yet.
func (c *copier) create(target string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// readManifest reads what Copy wrote earlier. If it cannot be read, every file
// that differs counts as changed by the reader.
func readManifest(dir string) manifest {
	m := manifest{}
	data, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil || json.Unmarshal(data, &m) != nil || m == nil {
		return manifest{}
	}
	return m
}

func (c *copier) save() error {
	data, err := json.MarshalIndent(c.known, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return err
	}
	return nbformat.ReplaceFile(filepath.Join(c.dir, manifestName), append(data, '\n'))
}
