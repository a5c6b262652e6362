// Command compose writes the source notebook of each exercise from its
// exercise.md: what go generate runs.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"braid/notebooks/exercises"
)

func main() {
	if err := all(); err != nil {
		fmt.Fprintln(os.Stderr, "compose:", err)
		os.Exit(1)
	}
}

func all() error {
	texts, err := filepath.Glob("*/exercise.md")
	if err != nil {
		return err
	}
	for _, p := range texts {
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		nb, err := exercises.Compose(data)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		if err := nb.WriteFile(filepath.Join(filepath.Dir(p), exercises.FileOf(filepath.Dir(p)))); err != nil {
			return err
		}
	}
	return nil
}
