// Package notebooks is the course that ships with braid: lessons that show what
// holds of Python's concurrency and what does not, and exercises.
//
// It stands beside the tools for documents, its sub-packages, and only carries
// the files: [Copy] lays them out for a reader, [Index] says which cell settles
// which claim. How to write a lesson is in AUTHORING.md.
//
// It promises that a reader's work is never overwritten, that what is laid out
// has been executed, and that students get exercises without their solutions.
package notebooks

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"braid/notebooks/nbformat"
)

//go:generate go run ./generate

//go:embed course/*.ipynb exercises/README.md exercises/*/*.ipynb exercises/*/*.md
var files embed.FS

// FirstPage is the lesson to begin with.
const FirstPage = "00-start-here.ipynb"

// Lessons returns the names of the lessons under course/, in order.
func Lessons() []string { return find("course", ".ipynb") }

// Exercises returns the paths of the exercises' source notebooks, under
// exercises/, in order: one in each folder.
func Exercises() []string { return find("exercises", ".ipynb") }

// find lists the files under root with this ending, relative to root.
func find(root, ending string) []string {
	var names []string
	fs.WalkDir(files, root, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(p, ending) {
			names = append(names, strings.TrimPrefix(p, root+"/"))
		}
		return nil
	})
	return names
}

func lesson(name string) (*nbformat.Notebook, error) { return read(path.Join("course", name)) }

func read(name string) (*nbformat.Notebook, error) {
	data, err := files.ReadFile(name)
	if err != nil {
		return nil, err
	}
	nb, err := nbformat.Read(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return nb, nil
}
