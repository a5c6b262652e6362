// Generate writes the data of package exportdata: for every importable package
// its export data and its doc comments, and an index. It needs the Go toolchain
// and the sources of the standard library, and is run by go generate.
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("exportdata: ")
	files, notes, err := generate()
	for _, n := range notes {
		log.Print(n)
	}
	if err != nil {
		log.Fatal(err)
	}
	if err := write("data", files); err != nil {
		log.Fatal(err)
	}
	var size int
	for _, b := range files {
		size += len(b)
	}
	fmt.Printf("%d files, %d bytes\n", len(files), size)
}

// write replaces the content of dir by files.
func write(dir string, files map[string][]byte) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	for name, b := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(name, b, 0o666); err != nil {
			return err
		}
	}
	return nil
}
