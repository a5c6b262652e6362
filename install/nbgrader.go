package install

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// stubs is nbgrader's table of what replaces a solution, by the language of
// the notebook's kernelspec (ClearSolutions.code_stub of nbgrader 0.9), and
// go. The whole table is written, since a configuration replaces nbgrader's
// own: with "go" alone, Python courses would fail.
var stubs = map[string]string{
	"python": "# YOUR CODE HERE\nraise NotImplementedError()",
	"R":      "# YOUR CODE HERE\nfail()",
	"matlab": "% YOUR CODE HERE\nerror('No Answer Given!')",
	"octave": "% YOUR CODE HERE\nerror('No Answer Given!')",
	"sas":    "/* YOUR CODE HERE */\n %notImplemented;",
	"java":   "// YOUR CODE HERE",
	"go":     "// YOUR CODE HERE\npanic(\"not implemented\")",
}

// nbgrader is what was added to a configuration file.
type nbgrader struct {
	Path  string   `json:"path"`
	Added []string `json:"added"` // keys of ClearSolutions.code_stub
}

// configureNBGrader adds the missing languages to ClearSolutions.code_stub in
// dir/nbgrader_config.json. Every other setting stays, and so does a stub that
// the user chose. before is what an older install added.
func configureNBGrader(dir string, before *nbgrader) (*nbgrader, error) {
	path := filepath.Join(dir, "nbgrader_config.json")
	config, err := readConfig(path)
	if err != nil {
		return nil, err
	}
	table, err := section(config, path, "ClearSolutions", "code_stub")
	if err != nil {
		return nil, err
	}
	n := &nbgrader{Path: path}
	if before != nil && before.Path == path {
		n.Added = before.Added
	}
	changed := false
	for language, stub := range stubs {
		if _, ok := table[language]; !ok {
			table[language], changed = stub, true
			n.Added = append(n.Added, language)
		}
	}
	if !changed {
		return n, nil
	}
	return n, writeConfig(path, config)
}

// section is the object at the path of keys in config, made where missing.
func section(config map[string]any, file string, keys ...string) (map[string]any, error) {
	for _, key := range keys {
		if config[key] == nil {
			config[key] = map[string]any{}
		}
		next, ok := config[key].(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s: %q is not a table, so nothing can be added to it; correct it by hand, then try again", file, key)
		}
		config = next
	}
	return config, nil
}

func readConfig(path string) (map[string]any, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return map[string]any{}, nil
	}
	if err != nil {
		return nil, err
	}
	config := map[string]any{}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber() // numbers keep their spelling
	if err := dec.Decode(&config); err != nil {
		return nil, fmt.Errorf("%s is not a valid configuration (%w), so it was left as it is; correct or remove it, then try again", path, err)
	}
	return config, nil
}

func writeConfig(path string, config map[string]any) error {
	data, err := indentJSON(config)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return explainPlace(err)
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	temp := path + ".braid-new"
	if err := os.WriteFile(temp, data, 0o644); err != nil {
		return explainPlace(err)
	}
	return os.Rename(temp, path)
}

// undo takes out the entries that were added and still are as they were, and
// the tables, and the file, that are empty then.
func (n *nbgrader) undo() error {
	config, err := readConfig(n.Path)
	if err != nil {
		return err
	}
	clear, _ := config["ClearSolutions"].(map[string]any)
	table, _ := clear["code_stub"].(map[string]any)
	for _, language := range n.Added {
		if table[language] == stubs[language] {
			delete(table, language)
		}
	}
	if table != nil && len(table) == 0 {
		delete(clear, "code_stub")
	}
	if clear != nil && len(clear) == 0 {
		delete(config, "ClearSolutions")
	}
	if len(config) > 0 {
		return writeConfig(n.Path, config)
	}
	if err := os.Remove(n.Path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}
