// Command generate writes the claims index into the README; go generate in
// package notebooks runs it there.
package main

import (
	"log"
	"os"

	"braid/notebooks"
)

const readme = "../README.md"

func main() {
	log.SetFlags(0)
	old, err := os.ReadFile(readme)
	if err != nil {
		log.Fatal(err)
	}
	text, err := notebooks.Insert(string(old))
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(readme, []byte(text), 0o644); err != nil {
		log.Fatal(err)
	}
}
